import { constructedContextTag, contextTag, type DerReader, TAG } from "./der.js";
import { MalformedInput } from "./errors.js";
import { type GeneralName, readGeneralName } from "./general-name.js";
import { type SubjectName, whyNoConstraint, within } from "./name-forms.js";

/** Which names the certificates below a CA may have (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** Most comparisons of a name with a constraint that a CA and a certificate may cause. */
const MAX_COMPARISONS = 1 << 16;

/** Reads the extension. Throws MalformedInput. */
export function readNameConstraints(value: DerReader): NameConstraints {
  const what = "name constraints";
  const constraints = value.enter(TAG.sequence, what);
  const trees = [0, 1].map((number) => constraints.optional(constructedContextTag(number), what));
  const [permitted, excluded] = trees.map((tree) => (tree ? readSubtrees(constraints.within(tree), what) : []));
  constraints.end(what);
  if (!permitted?.length && !excluded?.length) throw new MalformedInput(`${what}: none`);
  return { permitted: permitted ?? [], excluded: excluded ?? [] };
}

function readSubtrees(reader: DerReader, what: string): GeneralName[] {
  const bases: GeneralName[] = [];
  if (reader.done) reader.deviate(`${what}: an empty list`);
  while (!reader.done) {
    const subtree = reader.enter(TAG.sequence, what);
    const base = readGeneralName(subtree, what);
    if (base) bases.push(base);
    // A distance that is written down, RFC 5280 does not allow it.
    for (const number of [0, 1])
      if (subtree.optional(contextTag(number), what)) subtree.deviate(`${what}: a base distance`);
    subtree.end(what);
  }
  return bases;
}

/**
 * Why a certificate's names break the constraints; undefined if they keep them. A constraint that is not written as
 * RFC 5280 says, or of a form that is not supported and that the certificate has a name of, is broken.
 */
export function whyNamesForbidden(constraints: NameConstraints, names: readonly SubjectName[]): string | undefined {
  const { permitted, excluded } = constraints;
  if (names.length * (permitted.length + excluded.length) > MAX_COMPARISONS) return "too many names and constraints";
  for (const base of [...permitted, ...excluded]) {
    const reason = whyNoConstraint(base);
    if (reason !== undefined) return reason;
  }
  for (const name of names) {
    const reason = whyForbidden(name, constraints);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function whyForbidden(name: SubjectName, { permitted, excluded }: NameConstraints): string | undefined {
  const forms = (bases: readonly GeneralName[]) => bases.filter(({ form }) => form === name.form);
  const [allowed, forbidden] = [forms(permitted), forms(excluded)];
  const verdict = (base: GeneralName, direction: "permitted" | "excluded") => within(name, base, direction);
  if (forbidden.some((base) => verdict(base, "excluded"))) return `a name of form ${name.form} is excluded`;
  if (allowed.length > 0 && !allowed.some((base) => verdict(base, "permitted")))
    return `a name of form ${name.form} is not among the permitted ones`;
  return undefined;
}
