import type { DescMessage } from "@bufbuild/protobuf";
import type { PolicyPath } from "./policy-findings.js";

/** Where something stands in a text: both from 1 up, columns in UTF-16 units. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** A field of a message as it is written down, in either syntax. A list is several fields of one name. */
export interface WrittenField<Raw> {
  /** As in the `.proto` file, if there is such a field. */
  readonly name: string;
  /** Where the field stands; an entry between brackets, where the entry stands. */
  readonly offset: number;
  /** What was written, so that it can be read alone. */
  readonly raw: Raw;
  /** The fields inside, where a message was written. */
  readonly fields: readonly WrittenField<Raw>[] | undefined;
}

/** A text that cannot be read, and where it goes wrong. */
export class UnreadableText extends Error {
  override name = "UnreadableText";
  readonly offset: number;

  constructor(message: string, offset: number, cause?: unknown) {
    super(message, { cause });
    this.offset = offset;
  }
}

/** The place of an offset. */
export function placeOf(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}

/** The offset of what a path names; of the innermost thing around it that was written down, where it was not. */
export function offsetOf<Raw>(fields: readonly WrittenField<Raw>[], path: PolicyPath): number {
  let offset = 0;
  let inside: readonly WrittenField<Raw>[] = fields;
  for (let step = 0; step < path.length; step++) {
    const name = path[step];
    const next = path[step + 1];
    if (typeof next === "number") step++;
    const found = inside.filter((field) => field.name === name)[typeof next === "number" ? next : 0];
    if (!found) return offset;
    offset = found.offset;
    inside = found.fields ?? [];
  }
  return offset;
}

/** What was written and does not fit its message: the first such field, found by reading each value alone. */
export function findMisfit<Raw>(
  schema: DescMessage,
  fields: readonly WrittenField<Raw>[],
  readAlone: (schema: DescMessage, field: WrittenField<Raw>) => unknown,
): UnreadableText | undefined {
  const seen = new Set<string>();
  for (const field of fields) {
    const known = schema.fields.find(({ name }) => name === field.name);
    if (!known) return new UnreadableText(`there is no field ${JSON.stringify(field.name)} here`, field.offset);
    if (seen.has(field.name) && known.fieldKind !== "list") {
      return new UnreadableText(`${field.name} is there twice`, field.offset);
    }
    seen.add(field.name);
    const inside = known.message && field.fields ? findMisfit(known.message, field.fields, readAlone) : undefined;
    const misfit = inside ?? misfitOf(field, () => readAlone(schema, field));
    if (misfit) return misfit;
  }
  return undefined;
}

function misfitOf({ name, offset }: WrittenField<unknown>, read: () => unknown): UnreadableText | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^cannot decode .*?: /, "") : "unreadable";
    return new UnreadableText(`${name}: ${reason}`, offset, error);
  }
}
