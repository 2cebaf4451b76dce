import { create, toBinary } from "@bufbuild/protobuf";
import { MachineTokenBodySchema, MachineTokenEnvelopeSchema } from "@tokens/api";
import { afterEach, expect, it, vi } from "vitest";
import { inspectToken } from "./inspect-token.js";

/** Begins a terminal's command, ends a line, turns letters round, and deletes. */
const COMMANDS = ["\u001b[2J", "\u009b2J", "\r\n", "\u202e", "\u007f"];

afterEach(() => void vi.restoreAllMocks());

it("prints nothing of a stranger's token that could command the terminal", async () => {
  const text = COMMANDS.join("x");
  const body = create(MachineTokenBodySchema, { machineFqdn: text, issuedBy: text, certSn: Uint8Array.of(1) });
  const tokenBody = toBinary(MachineTokenBodySchema, body);
  const envelope = create(MachineTokenEnvelopeSchema, { tokenBody, keyId: text, rsaSha256: Uint8Array.of(1) });
  const token = Buffer.from(toBinary(MachineTokenEnvelopeSchema, envelope)).toString("base64").replaceAll("=", "");
  const printed: unknown[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => printed.push(chunk) > 0);
  vi.spyOn(console, "error").mockImplementation((line) => void printed.push(line));
  await inspectToken(token, {});
  expect(printed.join("\n")).toContain("machineFqdn");
  expect(printed.join("\n").replaceAll("\n", "")).not.toMatch(/\p{C}/u);
});
