const LABEL = "[a-z0-9_-]{1,63}";
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Longest domain name, as in DNS. */
const MAX_LENGTH = 253;

/** Whether a name is written the one way that counts: lower-case labels of letters, digits, '-' and '_', 1 to 63 each. */
export function isCanonicalDomain(name: string): boolean {
  return name.length <= MAX_LENGTH && DOMAIN.test(name);
}

/**
 * Lower case for ASCII letters only: the full mapping turns the Kelvin sign into a plain k, and so one name into
 * another's.
 */
export function asciiLowerCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
