import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Base64Alphabet, decodeBase64, decodedLength, encodeBase64 } from "./token-text.js";

const alphabets: Base64Alphabet[] = ["base64", "base64url"];
/** Filled with something else than what is decoded, so that old bytes show. */
const memory = Buffer.alloc(8192, 0x5a);

/** The slow way to the same answer: whether encoding what Node reads gives the text again. */
function isCanonical(text: string, alphabet: Base64Alphabet): boolean {
  return encodeBase64(Buffer.from(text, alphabet), alphabet) === text;
}

describe.each(alphabets)("decodeBase64 with the alphabet %s", (alphabet) => {
  it("reads what encodeBase64 writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = encodeBase64(bytes, alphabet);
        expect(text).not.toContain("=");
        expect(decodeBase64(text, alphabet, memory)).toBe(true);
        expect(memory.subarray(0, decodedLength(text))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it("takes exactly the texts that encoding again gives back", () => {
    const letters = fc.string({
      unit: fc.constantFrom(...Array.from("ABQgw048z+/-_= \n\r\u00c1\u0141"), "\ud83d"),
      maxLength: 12,
    });
    const noise = fc.string({ unit: "binary", maxLength: 12 });
    fc.assert(
      fc.property(fc.oneof(letters, noise), (text) => {
        expect(decodeBase64(text, alphabet, memory)).toBe(isCanonical(text, alphabet));
      }),
      { numRuns: 5000 },
    );
  });

  it("takes no good text with one letter put in, taken out or changed to a foreign one", () => {
    const strange = fc.constantFrom("=", " ", "\n", "\t", "\0", "\u00ff", "\u0141", "\u{1f600}", "-", "_", "+", "/");
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(), strange, (bytes, place, letter) => {
        const text = encodeBase64(bytes, alphabet);
        const at = place % (text.length + 1);
        for (const changed of [text.slice(0, at) + letter + text.slice(at), text.slice(0, at) + text.slice(at + 1)]) {
          expect(decodeBase64(changed, alphabet, memory)).toBe(isCanonical(changed, alphabet));
        }
      }),
    );
  });

  it("needs no more room than it says", () => {
    for (const length of [0, 1, 2, 3, 4, 404]) {
      const bytes = Buffer.alloc(length, 0xa7);
      const text = encodeBase64(bytes, alphabet);
      const exact = Buffer.alloc(decodedLength(text));
      expect(decodeBase64(text, alphabet, exact)).toBe(true);
      expect(exact).toEqual(bytes);
    }
  });

  it("refuses a text that does not fit", () => {
    expect(decodeBase64("AAAAAAAA", alphabet, Buffer.alloc(5))).toBe(false);
  });
});
