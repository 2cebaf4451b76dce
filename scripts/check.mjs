// Everything that `npm test` looks at before the tests themselves. Stops at the first step that fails.
import { spawnSync } from "node:child_process";

const generated = "packages/api/src/gen";
const steps = [
  ["generated code is what buf makes", "buf generate"],
  ["… and is committed", `git diff --exit-code --stat -- ${generated}`],
  ["protocol: lint", "buf lint proto"],
  ["protocol: format", "buf format proto --diff --exit-code"],
  ["protocol: nothing breaks what was released", "buf breaking proto --against proto/released.binpb"],
  ["format", "prettier --check --log-level warn ."],
  ["lint", "oxlint --type-aware --deny-warnings"],
  ["types", "tsc --noEmit -p tsconfig.json"],
  ["boundaries between packages", "turbo boundaries"],
  ["build", "turbo run build --output-logs=errors-only"],
  ["packages as they are published", "node scripts/check-packages.mjs"],
];

for (const [name, command] of steps) {
  const begin = performance.now();
  const [program, ...args] = command.split(" ");
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  if (status === 0) {
    console.log(`ok    ${name} (${seconds} s)`);
    continue;
  }
  console.error(`${stdout ?? ""}${stderr ?? ""}${error ?? ""}\nFAILED  ${name}: ${command}`);
  process.exit(1);
}
