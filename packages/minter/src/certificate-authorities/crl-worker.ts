// Reads one revocation list, beside the thread that serves: a large one takes a third of a second.
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { MalformedInput, parseCertificate } from "@tokens/pki";
import { checkCrl, CrlError, decodeCrl, indexEntries, parseCrl, SerialIndex } from "@tokens/pki/crl";
import { addedSerials, countDropped } from "./added-serials.js";
import type { CrlResult, KeptCrl, NewCrl } from "./crl-thread.js";

// Given by CrlThread, which is this file's only user.
const reading = workerData as NewCrl | KeptCrl;
const chunks: Uint8Array[] = [];

parentPort?.on("message", (chunk: Uint8Array | null) => {
  if (chunk) chunks.push(chunk);
  else answer();
});

function answer(): void {
  const result = read();
  const transfer = "der" in result ? [result.der.buffer] : [];
  parentPort?.postMessage(result, transfer);
  parentPort?.close();
}

function read(): CrlResult {
  try {
    return readList(decodeCrl(Buffer.concat(chunks)));
  } catch (error) {
    if (error instanceof CrlError) return { refused: error.message, code: error.code, policy: error.policy };
    if (error instanceof MalformedInput) return { refused: error.message, code: "MALFORMED", policy: undefined };
    return { failed: error instanceof Error ? error.message : "unreadable" };
  }
}

function readList(decoded: Uint8Array): CrlResult {
  const crl = parseCrl(decoded, reading.maxBytes);
  const digest = createHash("sha256").update(decoded).digest("hex");
  if ("kept" in reading) {
    if (digest !== reading.kept) return { failed: "the storage has another list than it says" };
  } else checkCrl(crl, reading.issuers.map(parseCertificate), reading.nowSeconds, reading.terms);
  const { parts } = indexEntries(crl);
  const before = "kept" in reading ? undefined : reading.before;
  const [now, old] = [new SerialIndex(parts), before && new SerialIndex(before.parts)];
  const dropped = old ? countDropped(old, now) : 0;
  const added = "kept" in reading ? [] : addedSerials(now, old);
  const { number, thisUpdateSeconds, nextUpdateSeconds } = crl;
  // A copy of its own, that the other thread can take over.
  const age = { number, thisUpdateSeconds, nextUpdateSeconds };
  return { der: new Uint8Array(decoded), digest, ...age, parts, dropped, added, addedTo: before?.digest };
}
