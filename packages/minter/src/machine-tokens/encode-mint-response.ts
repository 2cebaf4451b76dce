import { toBinary } from "@bufbuild/protobuf";
import { type MintMachineTokenResponse, MintMachineTokenResponseSchema } from "@tokens/api";

/**
 * Writes the answer to MintMachineToken: the same bytes as protobuf-es, at a tenth of its time for an answer that holds a
 * token.
 */
export function encodeMintResponse(response: MintMachineTokenResponse): Uint8Array {
  const { errorCode, errorMessage, tokenResponse, serviceVersion, referenceId, $unknown } = response;
  const isPlain = errorCode === 0 && errorMessage === "" && referenceId === "" && $unknown === undefined;
  if (!isPlain || !tokenResponse || tokenResponse.$unknown) return byProtobuf(response);
  const { tokenType } = tokenResponse;
  if (tokenType.case !== "luciMachineToken") return byProtobuf(response);
  const { machineToken, expiry, $unknown: more } = tokenType.value;
  const seconds = Number(expiry?.seconds ?? 0n);
  const isPlainTime = expiry?.nanos === 0 && !expiry.$unknown && seconds > 0 && Number.isSafeInteger(seconds);
  if (more || !isPlainTime || machineToken === "") return byProtobuf(response);
  const token = Buffer.from(machineToken);
  const version = bytesOf(serviceVersion);
  const inner = bytesOf(tokenResponse.serviceVersion);
  const writer = new BackwardWriter(token.length + version.length + inner.length + OVERHEAD_BYTES);
  writer.bytes(4, version);
  const end = writer.position;
  writer.number(1, seconds).message(2, end);
  writer.bytes(1, token).message(21, end);
  writer.bytes(2, inner).message(3, end);
  return writer.finish();
}

function byProtobuf(response: MintMachineTokenResponse): Uint8Array {
  return toBinary(MintMachineTokenResponseSchema, response);
}

/** A server has one version for as long as it runs. */
const versions = { text: "", bytes: Buffer.alloc(0) };

function bytesOf(version: string): Buffer {
  if (version !== versions.text) Object.assign(versions, { text: version, bytes: Buffer.from(version) });
  return versions.bytes;
}

/** More than all tags and lengths take. */
const OVERHEAD_BYTES = 64;
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Writes a message from its end to its beginning, so that each length is known when it is to be written. */
class BackwardWriter {
  readonly #bytes: Buffer;
  position: number;

  constructor(mostBytes: number) {
    this.#bytes = Buffer.allocUnsafe(mostBytes);
    this.position = mostBytes;
  }

  bytes(field: number, bytes: Uint8Array): this {
    if (bytes.length === 0) return this;
    const end = this.position;
    this.position -= bytes.length;
    this.#bytes.set(bytes, this.position);
    return this.message(field, end);
  }

  number(field: number, value: number): this {
    return this.#varint(value).#varint(field * 8 + VARINT);
  }

  /** Makes a field of all that was written since the position was at its end. */
  message(field: number, end: number): this {
    return this.#varint(end - this.position).#varint(field * 8 + LENGTH_DELIMITED);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(this.position);
  }

  #varint(value: number): this {
    let length = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
    this.position -= length;
    let rest = value;
    for (let at = this.position; at < this.position + length; at++) {
      const isLast = at === this.position + length - 1;
      this.#bytes[at] = isLast ? rest : (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    return this;
  }
}
