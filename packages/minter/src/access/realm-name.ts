const PROJECT = /^[a-z0-9\-_]{1,100}$/;
const REALM = /^[a-z0-9_.\-/]{1,400}$/;
const SPECIAL_REALMS = new Set(["@root", "@legacy", "@project"]);

/** The project of the server itself, which has no project account. */
export const INTERNAL_PROJECT = "@internal";

/** Whether a text may be the name of a project. */
export function isProjectName(text: string): boolean {
  return text === INTERNAL_PROJECT || PROJECT.test(text);
}

/** The parts of a realm's global name. */
export interface RealmName {
  readonly project: string;
  readonly realm: string;
}

/** Reads `<project>:<realm>`; undefined if a text is no such name. */
export function parseRealmName(text: string): RealmName | undefined {
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  const [project, realm] = [text.slice(0, colon), text.slice(colon + 1)];
  const isRealm = SPECIAL_REALMS.has(realm) || REALM.test(realm);
  return isProjectName(project) && isRealm ? { project, realm } : undefined;
}
