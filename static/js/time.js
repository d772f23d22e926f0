// Moments as people read them: in their own zone, with the exact one for those who ask.

const DAY = 86_400_000;
// The pages are in English, which is written in several ways.
const locale = navigator.languages.find((language) => language.startsWith("en")) ?? "en";
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
const relative = new Intl.RelativeTimeFormat(locale);

/** Shows a moment (ISO 8601) in a `time` element. The end of a day in UTC is that day: it is what was typed. */
export function showTime(element, text) {
  if (!text) return;
  const moment = new Date(text);
  const isWholeDay = moment.getTime() % DAY >= DAY - 1000;
  element.dateTime = text;
  element.title = text;
  element.textContent = (isWholeDay ? day : exact).format(moment);
}

/** How far a moment is from now: "in 3 days", "2 hours ago". */
export function distance(text, now = Date.now()) {
  const milliseconds = new Date(text) - now;
  for (const [unit, length] of [["day", DAY], ["hour", 3_600_000], ["minute", 60_000]]) {
    if (Math.abs(milliseconds) >= length) return relative.format(Math.trunc(milliseconds / length), unit);
  }
  return relative.format(0, "minute");
}

/** Tells on a tag how near a deadline is, or that it has `passed`. */
export function showDue(tag, text, isPassed, passed) {
  const isNear = new Date(text) - Date.now() < DAY;
  tag.textContent = isPassed ? passed : distance(text);
  tag.classList.add(isPassed ? "bad" : isNear ? "warn" : "good");
}
