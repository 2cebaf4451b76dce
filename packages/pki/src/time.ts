import { type DerReader, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";

/** Days before each month of a year that is no leap year. */
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Days from 1970-01-01, in the proleptic Gregorian calendar. */
function daysSince1970(year: number, month: number, day: number): number {
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477;
  const afterFebruary = month > 2 && isLeap(year) ? 1 : 0;
  return (year - 1970) * 365 + leapDays + (DAYS_BEFORE[month - 1] ?? 0) + afterFebruary + day - 1;
}

/** RFC 5280 §4.1.2.5: with seconds, in Zulu time, without fractions. */
const STRICT: Record<number, RegExp> = { [TAG.utcTime]: /^\d{12}Z$/, [TAG.generalizedTime]: /^\d{14}Z$/ };

/** What many readers let pass: a time zone, and a UTCTime without seconds. */
const LAX: Record<number, RegExp> = {
  [TAG.utcTime]: /^(\d{2})(\d{8}(?:\d{2})?)(?:Z|([+-]\d{4}))$/,
  [TAG.generalizedTime]: /^(\d{4})(\d{10})(?:Z|([+-]\d{4}))$/,
};

/**
 * Reads the next element as a time: UTCTime for 1950 to 2049 or GeneralizedTime. The result is whole unix seconds.
 * Integers all the way: a date that is not a number would pass every comparison. Throws MalformedInput.
 */
export function readTime(reader: DerReader, what: string): number {
  const { tag, content } = reader.any(what);
  const text = Buffer.from(content).toString("latin1");
  const [, year, rest, zone] = LAX[tag]?.exec(text) ?? [];
  if (year === undefined || rest === undefined) throw new MalformedInput(`${what}: not a time`);
  if (!STRICT[tag]?.test(text)) reader.deviate(`${what}: a time with a time zone or without seconds`);
  return secondsOf(fullYear(year), rest, what) - offsetSeconds(zone, what);
}

/** RFC 5280 §4.1.2.5.1: two digits stand for 1950 to 2049. */
function fullYear(digits: string): number {
  const year = Number(digits);
  return digits.length === 4 ? year : (year < 50 ? 2000 : 1900) + year;
}

function secondsOf(year: number, rest: string, what: string): number {
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = (rest.match(/../g) ?? []).map(Number);
  const valid = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!valid || hour > 23 || minute > 59 || second > 59) throw new MalformedInput(`${what}: no such time`);
  return daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

function offsetSeconds(zone: string | undefined, what: string): number {
  if (zone === undefined) return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3))];
  if (hours > 23 || minutes > 59) throw new MalformedInput(`${what}: no such time zone`);
  return (zone.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60);
}
