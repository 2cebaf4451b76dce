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

/** RFC 5280 §4.1.2.5: how many digits write the year; month, day, hour, minute and second have two each. */
const YEAR_DIGITS: Record<number, number> = { [TAG.utcTime]: 2, [TAG.generalizedTime]: 4 };
const ZULU = 0x5a;
const PLUS = 0x2b;
const MINUS = 0x2d;

/**
 * Reads the next element as a time: UTCTime for 1950 to 2049 or GeneralizedTime, with seconds, in Zulu time; many readers
 * also let pass a time zone, and a UTCTime without seconds. The result is whole unix seconds. Integers all the way: a date
 * that is not a number would pass every comparison. Throws MalformedInput.
 */
export function readTime(reader: DerReader, what: string): number {
  const { tag, content } = reader.any(what);
  const yearDigits = YEAR_DIGITS[tag];
  const digits = countDigits(content);
  const hasSeconds = yearDigits !== undefined && digits === yearDigits + 10;
  const isZulu = content.length === digits + 1 && content[digits] === ZULU;
  const isShort = tag === TAG.utcTime && digits === 10;
  if (yearDigits === undefined || !(hasSeconds || isShort) || !(isZulu || isZone(content.subarray(digits))))
    throw new MalformedInput(`${what}: not a time`);
  if (!hasSeconds || !isZulu) reader.deviate(`${what}: a time with a time zone or without seconds`);
  const year = fullYear(content, yearDigits);
  const seconds = secondsOf(year, content.subarray(yearDigits, digits), what);
  return isZulu ? seconds : seconds - offsetSeconds(content.subarray(digits), what);
}

function countDigits(content: Uint8Array): number {
  let count = 0;
  while (isDigit(content[count])) count++;
  return count;
}

const isDigit = (byte = 0) => byte >= 0x30 && byte <= 0x39;

/** The number that the two digits write; 0 past the end. */
function twoDigits(content: Uint8Array, at: number): number {
  return at < content.length ? (content[at] ?? 0) * 10 + (content[at + 1] ?? 0) - 11 * 0x30 : 0;
}

/** RFC 5280 §4.1.2.5.1: two digits stand for 1950 to 2049. */
function fullYear(content: Uint8Array, digits: number): number {
  const first = twoDigits(content, 0);
  if (digits === 4) return first * 100 + twoDigits(content, 2);
  return (first < 50 ? 2000 : 1900) + first;
}

/** Of a year and the fields after it, each of two digits. */
function secondsOf(year: number, fields: Uint8Array, what: string): number {
  const [month, day] = [twoDigits(fields, 0), twoDigits(fields, 2)];
  const [hour, minute, second] = [twoDigits(fields, 4), twoDigits(fields, 6), twoDigits(fields, 8)];
  const valid = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!valid || hour > 23 || minute > 59 || second > 59) throw new MalformedInput(`${what}: no such time`);
  return daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** A sign and four digits. */
function isZone(zone: Uint8Array): boolean {
  const isSigned = zone[0] === PLUS || zone[0] === MINUS;
  return isSigned && zone.length === 5 && countDigits(zone.subarray(1)) === 4;
}

function offsetSeconds(zone: Uint8Array, what: string): number {
  const [hours, minutes] = [twoDigits(zone, 1), twoDigits(zone, 3)];
  if (hours > 23 || minutes > 59) throw new MalformedInput(`${what}: no such time zone`);
  return (zone[0] === MINUS ? -1 : 1) * (hours * 3600 + minutes * 60);
}
