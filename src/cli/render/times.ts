/** Times as Go prints them, in the caller's own zone. */

const two = (value: number) => String(value).padStart(2, "0");

/** `2026-11-21 06:43:40 +0000 UTC`: time.Time's String, whole seconds. */
export function goTime(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  const { day, clock, offset } = parts(date);
  return `${day} ${clock} ${offset.replace(":", "")} ${zoneName(date)}`;
}

/** `2026-11-21T06:43:40Z`: RFC 3339. */
export function rfc3339Time(unixSeconds: number): string {
  const { day, clock, offset } = parts(new Date(unixSeconds * 1000));
  return `${day}T${clock}${offset === "+00:00" ? "Z" : offset}`;
}

/** `2026-11-21T06:43:40.595000000Z`; `nanoseconds` since 1970 as digits, since a number cannot hold them. */
export function fixedTime(nanoseconds: string): string {
  const digits = nanoseconds.padStart(10, "0");
  const date = new Date(Number(digits.slice(0, -9)) * 1000);
  const { day, clock, offset } = parts(date);
  return `${day}T${clock}.${digits.slice(-9)}${offset === "+00:00" ? "Z" : offset}`;
}

/** `Sat Nov 21 06:43:39 2026`: time.ANSIC of an RFC 3339 text in UTC; another text as it is. */
export function ansicTime(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) return text;
  const [weekday = "", day = "", month = "", year = "", clock = ""] = new Date(time)
    .toUTCString()
    .replace(",", "")
    .split(" ");
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} ${year}`;
}

function parts(date: Date): { day: string; clock: string; offset: string } {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return {
    day: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    clock: `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
    offset: `${minutes < 0 ? "-" : "+"}${two(Math.trunc(size / 60))}:${two(size % 60)}`,
  };
}

/** `UTC`, `CET`; the bare offset (`+0530`) where a zone has no letters. */
function zoneName(date: Date): string {
  if (date.getTimezoneOffset() === 0) return "UTC";
  const zone = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find(({ type }) => type === "timeZoneName");
  return zone === undefined || /\d/.test(zone.value) ? parts(date).offset.replace(":", "") : zone.value;
}
