import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { linesOf } from "./token-lines.js";

async function* stream(chunks: string[]): AsyncGenerator<string> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

async function read(...chunks: string[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(stream(chunks))) lines.push(line);
  return lines;
}

describe("linesOf", () => {
  it("takes nothing away but the line feed", async () => {
    expect(await read(" a \r\n\tb\n")).toEqual([" a \r", "\tb"]);
  });

  it("takes the last line with or without its end, and empty lines as lines", async () => {
    expect(await read("a\nb")).toEqual(["a", "b"]);
    expect(await read("a\n\nb\n")).toEqual(["a", "", "b"]);
    expect(await read("\n")).toEqual([""]);
    expect(await read("")).toEqual([]);
    expect(await read()).toEqual([]);
  });

  it("gives the same lines however the text is cut", async () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\n", "\r") });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(5)), async (whole, sizes) => {
        const chunks: string[] = [];
        let rest = whole;
        for (const size of sizes) {
          chunks.push(rest.slice(0, size));
          rest = rest.slice(size);
        }
        const expected = whole.split("\n");
        if (expected.at(-1) === "") expected.pop();
        expect(await read(...chunks, rest)).toEqual(expected);
      }),
    );
  });

  it("answers a line before the next one comes", async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    async function* slow() {
      yield "first\n";
      await gate;
      yield "second\n";
    }
    const lines = linesOf(slow());
    expect((await lines.next()).value).toBe("first");
    release();
    expect((await lines.next()).value).toBe("second");
  });

  it("keeps a bound on what it holds", async () => {
    const lines = await read(...Array<string>(100).fill("x".repeat(10_000)), "\nshort\n");
    expect(lines[0]?.length).toBeLessThanOrEqual(30_000);
    expect(lines[1]).toBe("short");
  });
});
