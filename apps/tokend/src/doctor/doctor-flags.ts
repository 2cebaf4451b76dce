import { type FlagDefinitions, parseFlags, type ParsedFlags, usage } from "../flag-parser.js";
import { type Flags, KEEP_FLAGS, toFlags } from "../flags.js";

/** What the doctor was asked. */
export interface DoctorFlags {
  readonly flags: Flags;
  /** Certificate of the CA that issued the machine's; empty: not checked. */
  readonly machineCaFile: string;
  readonly isJson: boolean;
}

const DOCTOR_FLAGS: FlagDefinitions = {
  ...KEEP_FLAGS,
  "machine-ca": {
    type: "string",
    initial: "",
    meaning: "certificate of the CA that issued the machine's, to check that",
  },
  json: { type: "bool", initial: "false", meaning: "print one JSON object a line" },
};

/** Reads the command line of `tokend doctor`, without that word. */
export function parseDoctorFlags(args: readonly string[]): ParsedFlags<DoctorFlags> {
  const parsed = parseFlags(args, DOCTOR_FLAGS);
  if (parsed.kind !== "run") return parsed;
  const common = toFlags(parsed.flags);
  if (common.kind !== "run") return common;
  const { text, bool } = parsed.flags;
  return { kind: "run", flags: { flags: common.flags, machineCaFile: text("machine-ca"), isJson: bool("json") } };
}

/** The help text. */
export function doctorUsage(): string {
  return usage(
    `Usage of tokend doctor: goes the whole way to a token, with the flags of a run, and says what is wrong and what to do.
Writes no token. Exit code 0: all is well, 1: something is not.`,
    DOCTOR_FLAGS,
  );
}
