// Formats times in the reader's time zone, and dates as they are. The exact UTC time is in the
// tooltip.

const DAY = 86_400_000;
// The pages are in English. Use the reader's variety of it.
const locale = navigator.languages.find((language) => language.startsWith("en")) ?? "en";
const dateTimeFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const dateFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const relativeFormat = new Intl.RelativeTimeFormat(locale);

/** The time zone of the service, in which it means dates. */
export const zone = document.documentElement.dataset.zone;
const clockFormat = inZone({ dateStyle: "short", timeStyle: "medium" });

/** `null` if the browser does not know the zone. In Swedish, times read like ISO 8601. */
function inZone(style) {
  try {
    return new Intl.DateTimeFormat("sv", { ...style, timeZone: zone });
  } catch {
    return null;
  }
}

/** The date at whose end in the service's zone an ISO 8601 time is, or `null`. */
export function dateEndingAt(text) {
  const [date, time] = clockFormat?.format(new Date(text)).split(" ") ?? [];
  return time === "23:59:59" ? date : null;
}

/** The date of a record's deadline, for an input: in UTC if the deadline has a time of day. */
export function dateOf({ deadline_date: date, deadline_iso8601: deadline }) {
  return date ?? deadline?.slice(0, 10);
}

/** Shows an ISO 8601 time in a `time` element, or instead the date that it is the end of. */
export function showTime(element, text, date) {
  if (!text) return;
  element.dateTime = date ?? text;
  element.title = text;
  element.textContent = date
    ? dateFormat.format(new Date(date))
    : dateTimeFormat.format(new Date(text));
}

/** The distance of a time from now: "in 3 days", "2 hours ago". */
function relativeTime(text, now = Date.now()) {
  const milliseconds = new Date(text) - now;
  for (const [unit, length] of [["day", DAY], ["hour", 3_600_000], ["minute", 60_000]]) {
    if (Math.abs(milliseconds) < length) continue;
    return relativeFormat.format(Math.trunc(milliseconds / length), unit);
  }
  return relativeFormat.format(0, "minute");
}

/** Shows in a tag how far away a deadline is, or `passedLabel` if it has passed. */
export function showDeadline(tag, deadline, isPassed, passedLabel) {
  const isNear = new Date(deadline) - Date.now() < DAY;
  tag.textContent = isPassed ? passedLabel : relativeTime(deadline);
  tag.classList.add(isPassed ? "bad" : isNear ? "warn" : "good");
}
