// The service on Railway as code: `railway config plan` shows what it would change.
//
// Experimental on Railway's side; the same values can be typed into the dashboard. Set there as
// well: the pre-deploy command `python -m daemon migrate` and the restart policy "on failure".
import { defineRailway, postgres, project, service } from "railway/iac";

export default defineRailway(() => {
  const database = postgres("Postgres");

  const orchestrator = service("ai-orchestrator", {
    start: "python -m daemon.supervise",
    // Asked only while deploying; afterwards a wedged daemon ends itself, non-zero.
    healthcheck: "/ready",
    healthcheckTimeout: 300,
    replicas: 1,
    env: {
      DATABASE_URL: database.env.DATABASE_URL,
      // The main app's URL for us names a port: keep it fixed.
      PORT: "5001",
      // SIGKILL follows SIGTERM at once by default: DRAIN_SECONDS 45 < stopwaitsecs 57 < this.
      RAILWAY_DEPLOYMENT_DRAINING_SECONDS: "60",
      RAILWAY_DEPLOYMENT_OVERLAP_SECONDS: "20",
    },
  });

  return project("fitnesscrm", { resources: [database, orchestrator] });
});
