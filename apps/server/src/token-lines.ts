/** Longest line that is kept whole; a longer one is too large for a token anyway. */
const MAX_LINE_LENGTH = 16 * 1024;

/**
 * The lines of a text stream, each as soon as it is complete. Lines end with a line feed and nothing else is taken away
 * from them; the end of the last line is optional. Lines that are too long for any token are cut.
 */
export async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  let open = false;
  for await (const chunk of chunks) {
    const lines = chunk.split("\n");
    for (const [index, part] of lines.entries()) {
      if (index > 0) {
        yield rest;
        rest = "";
      }
      if (rest.length < MAX_LINE_LENGTH) rest += part;
    }
    open = lines.at(-1) !== "" || (lines.length === 1 && open);
  }
  if (open) yield rest;
}
