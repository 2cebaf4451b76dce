// What a backend takes that has imported the verifier, in MiB.
import "@tokens/machine-auth";

console.log(process.memoryUsage.rss() / 2 ** 20);
