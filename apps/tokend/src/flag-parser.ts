import { parseGoDuration } from "./go-duration.js";

/** What a flag takes. A list is a flag that can be repeated. */
export type FlagType = "string" | "list" | "bool" | "duration" | "int" | "mode";

/** One flag of a command. */
export interface FlagDefinition {
  readonly type: FlagType;
  /** Value when the flag is not given. */
  readonly initial: string;
  readonly meaning: string;
  readonly required?: true;
}

/** All flags of a command by their names, the required ones in the order in which they are asked for. */
export type FlagDefinitions = Readonly<Record<string, FlagDefinition>>;

/** The values of all flags of a command line. */
export interface FlagValues {
  text(name: string): string;
  list(name: string): readonly string[];
  bool(name: string): boolean;
  /** Milliseconds. */
  duration(name: string): number;
  /** Names of the flags that were given, in the order of the definitions. */
  readonly given: readonly string[];
}

/** A command line, read: go on, show the usage, or say what is wrong with it. */
export type ParsedFlags<T> =
  | { readonly kind: "run"; readonly flags: T }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string };

/** A value that Go's flag package would take for a boolean. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

/**
 * Reads a command line by the rules of Go's flag package: one dash or two, `-name value` or `-name=value`, booleans
 * without a value of their own, and everything from the first argument that is no flag is ignored.
 */
export function parseFlags(args: readonly string[], definitions: FlagDefinitions): ParsedFlags<FlagValues> {
  const values = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? "";
    if (argument === "--" || argument.length < 2 || !argument.startsWith("-")) break;
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(argument);
    if (!match) return wrong(`bad flag syntax: ${argument}`);
    const [, name = "", attached] = match;
    const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    if (!definition && (name === "h" || name === "help")) return { kind: "help" };
    if (!definition) return wrong(`flag provided but not defined: -${name}`);
    const value = attached ?? (definition.type === "bool" ? "true" : args[++i]);
    if (value === undefined) return wrong(`flag needs an argument: -${name}`);
    const reason = whyInvalid(definition.type, value);
    if (reason !== undefined) return wrong(`invalid value ${JSON.stringify(value)} for flag -${name}: ${reason}`);
    values.set(name, definition.type === "list" ? [...(values.get(name) ?? []), value] : [value]);
  }
  const missing = Object.keys(definitions).find((name) => definitions[name]?.required && !values.get(name)?.at(-1));
  return missing === undefined ? { kind: "run", flags: access(values, definitions) } : wrong(`-${missing} is required`);
}

/** A command line that cannot be carried out. */
export function wrong(message: string): { kind: "wrong"; message: string } {
  return { kind: "wrong", message };
}

function whyInvalid(type: FlagType, value: string): string | undefined {
  if (type === "bool" && !BOOLEANS.has(value)) return "not true or false";
  if (type === "duration" && parseGoDuration(value) === undefined) return "not a duration like 60s or 1m30s";
  if (type === "int" && !/^[+-]?\d+$/.test(value)) return "not a whole number";
  if (type === "mode" && !/^0?[0-7]{3}$/.test(value)) return "not a mode like 0640";
  if (type === "list" && value === "") return "empty";
  return undefined;
}

function access(values: ReadonlyMap<string, readonly string[]>, definitions: FlagDefinitions): FlagValues {
  const text = (name: string) => values.get(name)?.at(-1) ?? definitions[name]?.initial ?? "";
  return {
    text,
    list: (name) => values.get(name) ?? [],
    bool: (name) => BOOLEANS.get(text(name)) ?? false,
    duration: (name) => parseGoDuration(text(name)) ?? 0,
    given: Object.keys(definitions).filter((name) => values.has(name)),
  };
}

/** The help text of a command. */
export function usage(headline: string, definitions: FlagDefinitions): string {
  const lines = Object.entries(definitions).map(([name, { type, initial, meaning, required }]) => {
    const takes = type === "bool" ? "" : ` ${type === "list" ? "string" : type}`;
    const fallback = required ? " (required)" : initial === "" ? "" : ` (default ${initial})`;
    return `  -${name}${takes}\n        ${meaning}${fallback}`;
  });
  return `${headline}\n${lines.join("\n")}\n`;
}
