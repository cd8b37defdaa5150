// `node peers.mjs SYSTEM DSN SLOTS` with PEERS_NODE_MODULES naming the folder of the packages: a Node
// peer's worker, or with SLOTS = install, its schema. Answers `report` on standard input with one
// line of JSON, how long each job had waited in seconds, and ends when its standard input does.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.PEERS_NODE_MODULES}/`);
const [system, dsn, argument] = process.argv.slice(2);
const slots = Number(argument);
const POOL_MAX = 12;
const POLL_SECONDS = 0.5; // the shortest that pg-boss allows

let waited = [];
const handle = (job) => { waited.push(Date.now() / 1000 - job.ts); };

const systems = {
  async graphile() {
    const { run, runMigrations, Logger } = require('graphile-worker');
    const options = { connectionString: dsn, logger: new Logger(() => () => {}) };
    if (argument === 'install') return runMigrations(options);
    const taskList = { noop: async (job) => handle(job) };
    await run({ ...options, taskList, concurrency: slots, maxPoolSize: POOL_MAX, noHandleSignals: true });
  },
  async pgboss() {
    const module = await import(pathToFileURL(require.resolve('pg-boss')));
    const PgBoss = module.PgBoss ?? module.default;
    const boss = new PgBoss({ connectionString: dsn, max: POOL_MAX });
    boss.on('error', (error) => console.error(error));
    await boss.start();
    if (argument === 'install') {
      await boss.createQueue('noop');
      return boss.stop({ graceful: false });
    }
    const pace = { batchSize: slots, pollingIntervalSeconds: POLL_SECONDS };
    await boss.work('noop', pace, async (jobs) => { for (const job of jobs) handle(job.data); });
  },
};

await systems[system]();
if (argument === 'install') process.exit(0);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line.trim() !== 'report') return;
    console.log(JSON.stringify(waited));
    waited = [];
  })
  .on('close', () => process.exit(0));
