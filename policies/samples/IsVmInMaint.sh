#!/bin/sh
# Logs to syslog when the metadata service says that this VM is about to be rebooted.
# For cron. Exit code: 0 nothing pending, 10 a reboot is pending, 75 could not read (says nothing).
#
#   * * * * * root /usr/local/bin/IsVmInMaint.sh
#
# Every minute: the notice comes within five minutes of the reboot, so a look every five minutes can come
# too late, or never. `drainer once` does the same for every source, and says who, what and when.
#
# METADATA_URL overrides where the service is.

url="${METADATA_URL:-http://169.254.169.254}/metadata/v1/InstanceInfo"

unread() {
    echo "IsVmInMaint: could not read $url: $1. This says nothing about a pending reboot." >&2
    exit 75
}

# No proxy, no redirect, an answer within 10 seconds or none; -f: an error page is no document.
document=$(curl -q -s -f --noproxy '*' --max-time 10 --max-filesize 65536 -H 'Metadata: true' "$url") ||
    unread "curl ended with $?"

# Walks over the members of one JSON object and looks for one named Reboot, whatever stands behind it: the
# word in a value, or in another member's name, is no notice. As the post of 2015 prints its documents, a
# name may stand without a value, and names and texts may stand in typographic quotes.
verdict=$(printf '%s' "$document" | LC_ALL=C awk '
    function blanks() { sub(/^[ \t\r\n]+/, "", rest) }
    function taken(part) {                     # takes the literal text, if the rest begins with it
        if (substr(rest, 1, length(part)) != part) return 0
        rest = substr(rest, length(part) + 1)
        return 1
    }
    function unreadable() { print "unreadable"; exit }
    function text(   from, c) {                # takes a text; its inside is in `inside`
        inside = ""
        if (taken("\"")) {
            while (rest != "") {
                c = substr(rest, 1, 1); rest = substr(rest, 2)
                if (c == "\"") return 1
                if (c == "\\") { c = c substr(rest, 1, 1); rest = substr(rest, 2) }
                inside = inside c
            }
            return 0
        }
        if (!taken(OPENING) && !taken(CLOSING)) return 0
        while (rest != "") {
            if (taken(OPENING) || taken(CLOSING) || taken("\"")) return 1
            inside = inside substr(rest, 1, 1); rest = substr(rest, 2)
        }
        return 0
    }
    function value(   open) {                  # takes a value; a plain one is in `plain`
        plain = ""
        if (text()) return 1
        open = 0
        while (rest != "") {
            if (open == 0 && rest ~ /^[,}]/) return plain != ""
            if (rest ~ /^"/) { if (!text()) return 0; plain = plain "x"; continue }
            if (rest ~ /^[{[]/) open++
            if (rest ~ /^[]}]/) open--
            plain = plain substr(rest, 1, 1); rest = substr(rest, 2)
        }
        return 0
    }
    BEGIN { OPENING = "\342\200\234"; CLOSING = "\342\200\235" }
    { rest = rest $0 "\n" }
    END {
        pending = identified = 0
        blanks(); if (!taken("{")) unreadable()
        do {
            blanks(); if (!text()) unreadable()
            name = tolower(inside); plain = "bare"
            blanks()
            if (taken(":")) {
                blanks(); if (!value()) unreadable()
                gsub(/[ \t\r\n]/, "", plain)
            } else if (name != "reboot") unreadable()
            if (name == "reboot" && plain != "false") pending = 1
            if (name == "id" || name == "instanceid") identified = 1
            blanks()
        } while (taken(","))
        if (!taken("}")) unreadable()
        blanks(); if (rest != "" || !identified) unreadable()
        print pending ? "pending" : "nothing"
    }')

case $verdict in
    pending)
        logger -t IsVmInMaint -p daemon.warning "Incoming VM reboot, within five minutes"
        exit 10
        ;;
    nothing) exit 0 ;;
    *) unread "it answered something else" ;;
esac
