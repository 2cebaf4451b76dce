// Why a goal is not reached, as profiles showed it (node --cpu-prof, perf, and parts left out in turns) on the machine of the
// published run. Printed below the table as long as one of the rows stays behind its gate or its stretch goal.
export const reasons = [
  {
    ids: ["C4"],
    text: `A list is read in another thread, which uses the same caches and memory as the one that serves: on two cores a reload is
felt by whoever else runs on them.`,
  },
  {
    ids: ["H1", "H2"],
    text: `Bare node:http takes 12.5 µs of a core for a call, ten of them in the kernel's writev. Ours adds twelve: the five
interceptors (a reference id, admission, the deadline, who calls, what is for administrators alone) 4.5, what a handler is told
of the connection 1, the port's guard 1; the rest is reading the body, Connect's rules and the answer. connect-node takes 90
here, seven times bare node:http: being five times as fast would leave 5.5 µs for all of that.`,
  },
  {
    ids: ["L1", "L2", "L3.2", "L3.3"],
    text: `Of the agent's own 19 ms of processor time for a mint, compiling and starting it take 3, loading Node's crypto 2, reading
the inputs, the key and the certificate 2, http and net 1.5, the signature 1, the call and its answer 7, the file with its lock
2. A client of twenty lines (a key, a signature, a POST, a file) takes 13 ms more than bare Node.`,
  },
  {
    ids: ["M1", "M2", "M3", "M5", "G.2"],
    text: `A mint takes some 320 µs of the cores: 210 are its signature, 17 the request's, 25 sockets and HTTP, 10 handing the
signature over and back, 25 what is read, decided and written, 30 what caches, scheduling and garbage cost on busy cores. Its
record takes 40 more, a certificate that is new 80, of which 25 are OpenSSL's. One thread takes all requests in and all answers
out: nine tenths of the time it could run, and for half of it it does, so that a tenth of the cores' time is lost. Threads that
sign with a lower priority win that back, and lose it in switching. The two signatures, bare node:http, the hand-over and the
load leave 7,000 mints a second on these cores; 2.2 times a usual minter, which takes 700 µs a mint, would be 6,000.`,
  },
  {
    ids: ["V3.1"],
    text: `A check is 0.96 of a bare crypto.verify, which is itself 4.0 to 4.1 times as fast as jose, one at a time.`,
  },
  {
    ids: ["X1.1", "X1.2"],
    text: `Of the 52 µs of a new certificate and its first request 42 are OpenSSL's: two signatures at 16.5, a key's import 2 and
its first use 6. Reading the certificate takes 4, all checks and the search for a path 2, caches and garbage 3.`,
  },
];
