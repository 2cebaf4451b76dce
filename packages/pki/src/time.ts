import { type DerElement, TAG } from "./der.js";
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

/**
 * RFC 5280 §4.1.2.5: UTCTime for 1950 to 2049 or GeneralizedTime, with seconds, in Zulu time, without fractions. The
 * result is whole unix seconds. Integers all the way: a date that is not a number would pass every comparison.
 */
export function readTime({ tag, content }: DerElement, what: string): number {
  const text = Buffer.from(content).toString("latin1");
  const pattern =
    tag === TAG.utcTime ? /^(\d{2})(\d{10})Z$/ : tag === TAG.generalizedTime ? /^(\d{4})(\d{10})Z$/ : undefined;
  const match = pattern?.exec(text);
  if (!match) throw new MalformedInput(`${what}: not a time`);
  const digits = Number(match[1]);
  const year = tag === TAG.utcTime ? (digits < 50 ? 2000 : 1900) + digits : digits;
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = (match[2]?.match(/../g) ?? []).map(Number);
  const valid = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!valid || hour > 23 || minute > 59 || second > 59) throw new MalformedInput(`${what}: no such time`);
  return daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}
