const LABEL = "[a-z0-9_-]{1,63}";
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Longest domain name, as in DNS. */
const MAX_LENGTH = 253;

/** Whether a name is written the one way that counts: lower-case labels of letters, digits, '-' and '_', 1 to 63 each. */
export function isCanonicalDomain(name: string): boolean {
  return name.length <= MAX_LENGTH && DOMAIN.test(name);
}
