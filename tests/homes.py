"""The registry of the homes that tests of the API and of the engine in service live in."""

ONE_HOME = """
[[site]]
code = "h1"
kind = "home"
name = "h1"
street = "street-1"
[[place]]
site = "h1"
code = "door-1"
kind = "door"
role = "exit"
[[resident]]
code = "r1"
site = "h1"
name = "王秀英"
care = { key_notes = "under the pot" }
[[device]]
site = "h1"
code = "sos-1"
kind = "sos_button"
resident = "r1"
power = "battery"
[[device]]
site = "h1"
code = "mag-1"
kind = "door_sensor"
place = "door-1"
power = "battery"
"""
# With whom to call for the first resident, and a neighbour.
TWO_HOMES = (
    ONE_HOME
    + """
[[contact]]
id = "c1"
resident = "r1"
name = "王强"
phone = "13800000000"
[[site]]
code = "h2"
kind = "home"
street = "street-2"
[[resident]]
code = "r2"
site = "h2"
[[device]]
site = "h2"
code = "sos-1"
kind = "sos_button"
resident = "r2"
"""
)
