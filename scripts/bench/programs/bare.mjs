// What a Node process takes that does nothing, in MiB.
console.log(process.memoryUsage.rss() / 2 ** 20);
