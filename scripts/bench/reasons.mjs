// Why a goal is not reached, as profiles showed it (node --cpu-prof, perf, and parts left out in turns) on the machine of the
// published run. Printed below the table as long as one of the rows stays behind its gate or its stretch goal.
export const reasons = [
  {
    ids: ["C4"],
    text: `A list is fetched, read and compared in a thread of its own, which hands it to the storage by a piece of shared memory: of
the longest stall the serving thread works for 1 ms. For the rest it waits for a core: when the other thread begins to read,
V8 compiles for it beside it, and both cores are taken.`,
  },
  {
    ids: ["H1", "H2"],
    text: `Of the 16 µs of a call eight are the kernel's writev, which bare node:http pays, too; that takes 11.5 in all. The port's
guard takes 1, finding the method and what is told of the connection 1, Connect's rules, reading and writing 1.5, the five
interceptors (errors, admission, the deadline, who calls, what is for administrators alone) 1.3. connect-node takes 80 bare,
as it is measured here, and 104 behind the same guard and interceptors: 6.5 times what the same call takes directly.`,
  },
  {
    ids: ["L1", "L2", "L3.2", "L3.3"],
    text: `Of the agent's own 19 ms of processor time for a mint, compiling and starting it take 3, loading Node's crypto 2, reading
the inputs, the key and the certificate 2, http, net and standard error 3, the signature 1, the call and its answer 5,
the file with its lock 2. A client of twenty lines (a key, a signature, a POST, a file) takes 13 ms more than bare Node.`,
  },
  {
    ids: ["M1", "M2", "M3", "M5", "G.2"],
    text: `A mint takes some 295 µs of the cores: 200 are its signature, 17 the request's, 20 sockets and HTTP, 10 handing the
signature over and back, 20 what is read, decided, logged and counted, 16 garbage, the rest scheduling and caches. Its record
takes 40 more, a certificate that is new 75, of which 25 are OpenSSL's. Two threads sign and one does all else, on two cores:
5 to 10 % of their time is lost when all wait for the one. A pool of one thread, with the other helping out, wins that back
(6 % more mints), and would let one name that is looked up in vain hold up all signatures. The two signatures, bare node:http,
the hand-over and the load leave 7,400 mints a second on these cores; 2.2 times a usual minter, which takes 590 µs a mint,
would be 7,100 to 7,450.`,
  },
  {
    ids: ["V2.1", "V2.2", "V3.1", "V3.2", "V1", "V6"],
    text: `A check is 0.95 of a bare crypto.verify: of its 16.5 µs reading the token takes 1. crypto.verify itself is 3.7 to 4.3 times
as fast as jose, one at a time, and 1.85 to 2 times per core, the less the faster the machine is just then.`,
  },
  {
    ids: ["X1.1", "X1.2"],
    text: `Of the 49 µs of a new certificate and its first request 40 are OpenSSL's: two signatures at 16, a key's import 2 and its
first use 6. Reading the certificate takes 4, all checks and the search for a path 2, caches and garbage 3.`,
  },
];
