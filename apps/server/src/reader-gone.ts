import { EXIT } from "./exit-code.js";

/**
 * Ends the command without a word when whoever reads its answers has read enough, like `head`. What was not told yet is not
 * known to be good, so that the exit code is never that of a yes.
 */
export function endWithReader(output: NodeJS.WriteStream): void {
  output.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(process.exitCode === EXIT.no ? EXIT.no : EXIT.unknown);
  });
}
