// Gets and reads one revocation list, beside the thread that serves: a large one takes a third of a second.
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { parseCertificate } from "@tokens/pki";
import { checkCrl, decodeCrl, indexEntries, parseCrl, SerialIndex } from "@tokens/pki/crl";
import { addedSerials, countDropped } from "./added-serials.js";
import { failureOf } from "./crl-errors.js";
import type { CrlAnswers, CrlOrder, CrlReply, KeptCrl, NewCrl, ReadCrl } from "./crl-thread.js";
import { fetchCrlBytes } from "./fetch-crl-bytes.js";

// Given by CrlThread, which is this file's only user.
const reading = workerData as NewCrl | KeptCrl;
let chunks: Uint8Array[] = [];
let der: Uint8Array = new Uint8Array(0);

parentPort?.on("message", (order: CrlOrder) => {
  if (order.kind === "part") chunks.push(order.bytes);
  else void replyTo(order).then((reply) => parentPort?.postMessage(reply));
});

type Question = Exclude<CrlOrder, { kind: "part" }>;

async function replyTo(order: Question): Promise<CrlReply<keyof CrlAnswers>> {
  try {
    return { answer: await answerTo(order) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function answerTo(order: Question): CrlAnswers["read" | "copy"] | Promise<CrlAnswers["get"]> {
  if (order.kind === "get") return fetchCrlBytes(order.get, (chunk) => void chunks.push(chunk));
  if (order.kind === "copy") return copyPart(order.from, order.to);
  der = decodeCrl(Buffer.concat(chunks));
  chunks = [];
  return readList();
}

function copyPart(from: number, to: Uint8Array): number {
  const part = der.subarray(from, from + to.length);
  to.set(part);
  return part.length;
}

function readList(): ReadCrl {
  const crl = parseCrl(der, reading.maxBytes);
  const digest = createHash("sha256").update(der).digest("hex");
  if ("kept" in reading) {
    if (digest !== reading.kept) throw new Error("the storage has another list than it says");
  } else checkCrl(crl, reading.issuers.map(parseCertificate), reading.nowSeconds, reading.terms);
  const { parts } = indexEntries(crl);
  const before = "kept" in reading ? undefined : reading.before;
  const [now, old] = [new SerialIndex(parts), before && new SerialIndex(before.parts)];
  const dropped = old ? countDropped(old, now) : 0;
  const added = "kept" in reading ? [] : addedSerials(now, old);
  const { number, thisUpdateSeconds, nextUpdateSeconds } = crl;
  const age = { number, thisUpdateSeconds, nextUpdateSeconds };
  return { bytes: der.length, digest, ...age, parts, dropped, added, addedTo: before?.digest };
}
