const BOT = /^[0-9a-zA-Z_\-.@]+$/;

/** What may stand behind the colon, by the kind in front of it. */
const KINDS: ReadonlyMap<string, RegExp> = new Map([
  ["anonymous", /^anonymous$/],
  ["bot", BOT],
  ["project", /^[a-z0-9\-_]+$/],
  ["service", /^[0-9a-zA-Z_\-:.]+$/],
  ["user", /^[0-9a-zA-Z_\-.+%]+@[0-9a-zA-Z_\-.]+$/],
]);

/** Whether a text is an identity: `<kind>:<value>`, of a known kind and with a value that the kind allows. */
export function isIdentity(text: string): boolean {
  const colon = text.indexOf(":");
  return KINDS.get(text.slice(0, Math.max(colon, 0)))?.test(text.slice(colon + 1)) ?? false;
}

/** Whether a name may stand behind `bot:`. */
export function isBotName(name: string): boolean {
  return BOT.test(name);
}
