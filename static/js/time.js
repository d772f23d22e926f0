// Formats times in the reader's time zone. The exact UTC time is in the tooltip.

const DAY = 86_400_000;
// The pages are in English. Use the reader's variety of it.
const locale = navigator.languages.find((language) => language.startsWith("en")) ?? "en";
const dateTimeFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const dateFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const relativeFormat = new Intl.RelativeTimeFormat(locale);

/**
 * Shows an ISO 8601 time in a `time` element. The last second of a day in UTC is shown as that
 * date, because this is how the service stores a deadline that was entered as a date.
 */
export function showTime(element, text) {
  if (!text) return;
  const time = new Date(text);
  const isWholeDay = time.getTime() % DAY >= DAY - 1000;
  element.dateTime = text;
  element.title = text;
  element.textContent = (isWholeDay ? dateFormat : dateTimeFormat).format(time);
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
