import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Something that is called a secret, beside an operator that stops at the first difference. */
const comparison =
  /\b\w*(?:hmac|mac|secret|passphrase|password|pin)\b(?:\.\w+|\(\))*\s*[!=]==?(?!=)(?!\s*(?:undefined|null|""))/i;

it("attack 19: timing: no secret is compared byte by byte", () => {
  expect(
    ["mac === given", "if (secret !== other.secret)", "password.text == x"].filter((line) => comparison.test(line))
      .length,
  ).toBe(3);
  expect(comparison.test('password === "" && pin !== undefined')).toBe(false);
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "packages", "apps"], {
    cwd: root,
    encoding: "utf8",
  });
  const sources = listed.split("\n").filter((path) => /\/src\/.*\.ts$/.test(path) && !/\.test\.ts$|\/gen\//.test(path));
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((path) => comparison.test(readFileSync(`${root}/${path}`, "utf8")))).toEqual([]);
});
