// The project on Railway as code: `railway config plan` shows what it would change, and says which
// variables of the dashboard it would drop: list those with preserve(), which keeps their values.
//
// It knows neither the pre-deploy command `python -m daemon migrate` nor the restart policy "on
// failure": set them in the dashboard, or use deploy/railway.json for the service instead.
import { defineRailway, postgres, preserve, project, service } from "railway/iac";

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
