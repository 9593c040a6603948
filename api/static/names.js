// Names and addresses behind the codes of an alert, read once each and kept in memory only.

import { ApiError, get } from "./api.js";
import { named } from "./texts.js";

const AT_ONCE = 4;

/** Event `learnt` when something more is known. */
export class Names extends EventTarget {
  #known = new Map();
  #wanted = [];
  #running = 0;

  /** What stands at a path of the API, or null while (or where) it is not known. */
  look(path) {
    if (!this.#known.has(path)) {
      this.#known.set(path, null);
      this.#wanted.push(path);
      this.#next();
    }
    return this.#known.get(path);
  }

  site(code) {
    return this.look(`/sites/${code}`);
  }

  /** The IANA zone of the sites that the reader sees, of the first of them where they differ; undefined while not known. */
  get zone() {
    return this.look("/sites?limit=1")?.items[0]?.timezone;
  }

  resident(code) {
    return code === null ? null : this.look(`/residents/${code}`);
  }

  #next() {
    while (this.#running < AT_ONCE && this.#wanted.length > 0) void this.#read(this.#wanted.shift());
  }

  async #read(path) {
    this.#running += 1;
    try {
      this.#known.set(path, await get(path));
      this.dispatchEvent(new Event("learnt"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 0 || error.status >= 500) this.#known.delete(path); // asked again when next looked at
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  /** Who or what the alert is about, in a few words. */
  subject(alert) {
    const { kind, code } = alert.subject;
    const site = this.site(alert.site)?.name || this.resident(alert.resident)?.name || alert.site;
    if (kind === "resident") return this.resident(code)?.name || code;
    if (kind === "place") return `${site} ${this.#placeName(alert.site, code)}`;
    if (kind === "device") return `${site} ${this.#deviceName(alert.site, code)}`;
    return kind === "site" ? site : code;
  }

  siteName(code) {
    return this.site(code)?.name || code;
  }

  /** The address, as far as it is known. */
  where(alert) {
    const site = this.site(alert.site);
    if (!site) return alert.site;
    return [site.street, site.community, site.address].filter(Boolean).join(" ") || site.name || site.code;
  }

  risks(alert) {
    return this.resident(alert.resident)?.flags ?? [];
  }

  #placeName(site, code) {
    const place = this.look(`/sites/${site}/places/${code}`);
    return place ? `${named("place", place.role ?? place.kind)} ${code}` : code;
  }

  #deviceName(site, code) {
    const device = this.look(`/sites/${site}/devices/${code}`);
    return device ? `${named("device", device.kind)} ${code}` : code;
  }
}
