// A project of its own on Railway, with a database. `railway config plan` shows what would change,
// `railway config apply` asks and does it; a deploy does not read this file.
//
// What the project has and this file does not name is DELETED: other services, and variables, which
// preserve() keeps with their values. So this is not for the project in which your app runs: there
// type the values in by hand (docs/deploy.md), or begin with what `railway config pull` writes.
import { defineRailway, postgres, preserve, project, service } from "railway/iac";

export default defineRailway(() => {
  const database = postgres("Postgres");

  const orchestrator = service("ai-orchestrator", {
    start: "python -m daemon.supervise",
    // A migration that fails stops the deploy.
    preDeploy: "python -m daemon migrate",
    // Asked only while deploying; afterwards a wedged daemon ends itself, non-zero.
    healthcheck: "/ready",
    healthcheckTimeout: 300,
    replicas: 1,
    deploy: { restartPolicyType: "ON_FAILURE", restartPolicyMaxRetries: 10 },
    env: {
      DATABASE_URL: database.env.DATABASE_URL,
      OPENAI_API_KEY: preserve(),
      MAIN_APP_API_KEY: preserve(),
      ADMIN_API_KEY: preserve(),
      SECRET_KEY: preserve(),
      // The main app's URL for us names a port: keep it fixed.
      PORT: "5001",
      // SIGKILL follows SIGTERM at once by default: DRAIN_SECONDS 45 < stopwaitsecs 57 < this.
      RAILWAY_DEPLOYMENT_DRAINING_SECONDS: "60",
      RAILWAY_DEPLOYMENT_OVERLAP_SECONDS: "20",
    },
  });

  return project("fitnesscrm", { resources: [database, orchestrator] });
});
