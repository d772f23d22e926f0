// Formats times in the reader's time zone, and dates as they are. The exact UTC time is in the
// tooltip.

// The pages are in English. Use the reader's variety of it.
const locale = navigator.languages.find((language) => language.startsWith("en")) ?? "en";
const dateTimeFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const dateFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });

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

/** Shows an ISO 8601 time in a `time` element, or instead the date that it is the end of. */
export function showTime(element, text, date) {
  if (!text) return;
  element.dateTime = date ?? text;
  element.title = text;
  element.textContent = date
    ? dateFormat.format(new Date(date))
    : dateTimeFormat.format(new Date(text));
}
