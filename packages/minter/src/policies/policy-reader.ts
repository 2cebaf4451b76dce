import { create, type DescMessage, type JsonObject, type MessageShape, toJson } from "@bufbuild/protobuf";
import { PolicyFindings, type PolicyFinding } from "./policy-findings.js";
import type { PolicyProblem } from "./policy-problem.js";
import { readTextFormat } from "./text-format.js";
import { offsetOf, placeOf, UnreadableText, type WrittenField } from "./text-places.js";
import { readYamlFormat } from "./yaml-format.js";

/** Where policy files come from: a folder, or what was kept of an import. */
export interface PolicySource {
  /** The text of a file; undefined if there is none. Rejects with an Error for one that cannot be read. */
  read(path: string): Promise<string | undefined>;
}

/** Policy files that are in memory, by path. */
export function policyOfFiles(files: Readonly<Record<string, string>>): PolicySource {
  return { read: (path) => Promise.resolve(Object.hasOwn(files, path) ? files[path] : undefined) };
}

interface PolicyFile {
  readonly path: string;
  readonly text: string;
  readonly message: unknown;
  readonly fields: readonly WrittenField<unknown>[];
}

/** Looks at the message of a policy file and reports what is wrong with it. */
type Look<Desc extends DescMessage, Result> = (message: MessageShape<Desc>, findings: PolicyFindings) => Result;

/** Reads the policy files of one source, remembers them, and collects everything that is wrong with any of them. */
export class PolicyReader {
  readonly problems: PolicyProblem[] = [];
  readonly #source: PolicySource;
  readonly #files = new Map<string, string>();
  readonly #documents = new Map<string, PolicyFile>();
  readonly #json = new Map<string, JsonObject>();

  constructor(source: PolicySource) {
    this.#source = source;
  }

  get hasErrors(): boolean {
    return this.problems.some(({ severity }) => severity === "error");
  }

  /** All files that were read, by path. */
  get files(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#files].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** What the policy files say, by their names without an ending. */
  get contents(): ReadonlyMap<string, JsonObject> {
    return this.#json;
  }

  /** Reads a file that a policy names. Rejects with an Error if it cannot be read. */
  async readFile(path: string): Promise<string> {
    const text = await this.#read(path);
    if (text === undefined) throw new Error("no such file");
    return text;
  }

  /** Reads the policy `<name>.cfg` or `<name>.yaml` and makes of it what is asked later. A missing file is an empty one. */
  async compile<Desc extends DescMessage, Result>(
    name: string,
    schema: Desc,
    compile: Look<Desc, Result | Promise<Result>>,
  ): Promise<Result> {
    const message = await this.#readPolicy(name, schema);
    const findings = new PolicyFindings();
    const result = await compile(message, findings);
    this.#report(name, findings.list);
    return result;
  }

  /** Looks at a policy once more, now that all of them are compiled. */
  review<Desc extends DescMessage>(name: string, schema: Desc, look: Look<Desc, void>): void {
    const document = this.#documents.get(name);
    const findings = new PolicyFindings();
    // The document of a name was read with this schema, or is not there.
    look((document?.message as MessageShape<Desc> | undefined) ?? create(schema), findings);
    this.#report(name, findings.list);
  }

  async #readPolicy<Desc extends DescMessage>(name: string, schema: Desc): Promise<MessageShape<Desc>> {
    const [path, text] = await this.#findPolicy(name);
    try {
      const read = path.endsWith(".yaml") ? readYamlFormat(schema, text) : readTextFormat(schema, text);
      this.#documents.set(name, { path, text, ...read });
      this.#json.set(name, toJson(schema, read.message, { useProtoFieldName: true }) as JsonObject);
      return read.message;
    } catch (error) {
      if (!(error instanceof UnreadableText)) throw error;
      this.#add("error", path, text, error.offset, error.message);
      return create(schema);
    }
  }

  async #findPolicy(name: string): Promise<[path: string, text: string]> {
    const [cfg, yaml] = [`${name}.cfg`, `${name}.yaml`];
    const [cfgText, yamlText] = [await this.#readOrReport(cfg), await this.#readOrReport(yaml)];
    if (cfgText !== undefined && yamlText !== undefined) {
      this.#add("error", yaml, yamlText, 0, `there is ${cfg} too, and only one can count; remove one`);
    }
    return cfgText === undefined && yamlText !== undefined ? [yaml, yamlText] : [cfg, cfgText ?? ""];
  }

  async #readOrReport(path: string): Promise<string | undefined> {
    try {
      return await this.#read(path);
    } catch (error) {
      this.#add("error", path, "", 0, `cannot be read: ${error instanceof Error ? error.message : "unreadable"}`);
      return undefined;
    }
  }

  async #read(path: string): Promise<string | undefined> {
    const text = this.#files.get(path) ?? (await this.#source.read(path));
    if (text !== undefined) this.#files.set(path, text);
    return text;
  }

  #report(name: string, findings: readonly PolicyFinding[]): void {
    const { path, text, fields } = this.#documents.get(name) ?? { path: `${name}.cfg`, text: "", fields: [] };
    for (const { severity, path: inFile, message } of findings) {
      this.#add(severity, path, text, offsetOf(fields, inFile), message);
    }
  }

  #add(severity: "error" | "warning", file: string, text: string, offset: number, message: string): void {
    this.problems.push({ severity, file, ...placeOf(text, offset), message });
  }
}
