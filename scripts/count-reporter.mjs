// Prints how many tests passed, failed and were skipped, as the last line of a run. A run of all tests has failed, too, if
// there are golden vectors that none of them read.
import { endOfRun, noteReadVectors } from "./unread-vectors.mjs";

export default class CountReporter {
  onInit(vitest) {
    this.vitest = vitest;
  }

  onTestRunStart() {
    this.readLog = noteReadVectors();
  }

  async onTestRunEnd(modules, errors) {
    const { unread, listedInVain } = endOfRun(this.readLog, await this.#isWhole(modules));
    for (const file of unread) console.error(`golden vectors: no test reads ${file}`);
    for (const file of listedInVain) console.log(`${file} may go from the list in scripts/unread-vectors.mjs`);
    if (unread.length > 0) process.exitCode = 1;
    const count = { passed: 0, failed: errors.length + unread.length, skipped: 0 };
    for (const module of modules) {
      if (module.state() === "failed" && [...module.children.allTests()].length === 0) count.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed" || state === "failed") count[state]++;
        else count.skipped++;
      }
    }
    process.on("exit", () =>
      process.stdout.write(`tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`),
    );
  }

  async #isWhole(modules) {
    const { testNamePattern, project } = this.vitest.config;
    if (testNamePattern !== undefined || project.length > 0) return false;
    const ran = new Set(modules.map(({ moduleId }) => moduleId));
    return (await this.vitest.globTestSpecifications()).every(({ moduleId }) => ran.has(moduleId));
  }
}
