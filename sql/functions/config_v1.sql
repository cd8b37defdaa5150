-- Purpose: keeps every version of an agent's configuration, and tells running daemons of the change.
-- Index:   primary key of ai_agent_versions.
-- Caller:  triggers ai_agent_changed and ai_agent_versioned on ai_agents, ai_control_changed on
--          ai_control; admins edit those rows by SQL, API or console.
-- Locks:   none beyond the row being written.
--
-- The older AI service may still insert agents: what it leaves NULL gets its default, a config that
-- is no object is kept under `legacy`. status is computed here, whatever is written. SECURITY DEFINER
-- where an admin's role need not be allowed to write versions or to ring.
CREATE FUNCTION ai_agent_changed_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    NEW.config := CASE
        WHEN coalesce(NEW.config, 'null') = 'null' THEN '{}'
        WHEN jsonb_typeof(NEW.config) = 'object' THEN NEW.config
        ELSE jsonb_build_object('legacy', NEW.config) END;
    NEW.enabled := coalesce(NEW.enabled, true);
    NEW.created_at := coalesce(NEW.created_at, now());
    NEW.updated_at := coalesce(NEW.updated_at, now());
    NEW.status := CASE
        WHEN NEW.archived_at IS NOT NULL THEN 'archived'
        WHEN NOT NEW.enabled THEN 'inactive'
        WHEN NEW.problem IS NOT NULL THEN 'error'
        ELSE 'active' END;
    IF TG_OP = 'INSERT' THEN
        NEW.version := 1;
    ELSIF (NEW.config, NEW.enabled, NEW.name, NEW.type, NEW.archived_at)
        IS DISTINCT FROM (OLD.config, OLD.enabled, OLD.name, OLD.type, OLD.archived_at)
    THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := clock_timestamp();
    ELSE
        NEW.version := OLD.version;
    END IF;
    RETURN NEW;
END
$function$;

CREATE FUNCTION ai_agent_versioned_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.version = OLD.version THEN
        RETURN NULL;
    END IF;
    INSERT INTO ai_agent_versions (agent_id, version, type, name, config, enabled, diff, changed_by)
    SELECT NEW.id, NEW.version, NEW.type, NEW.name, NEW.config, NEW.enabled,
        CASE WHEN TG_OP = 'INSERT' THEN '{}'::jsonb ELSE coalesce((
            SELECT jsonb_object_agg(k.key, jsonb_build_array(OLD.config -> k.key, NEW.config -> k.key))
            FROM (SELECT jsonb_object_keys(OLD.config) AS key
                  UNION SELECT jsonb_object_keys(NEW.config)) k
            WHERE OLD.config -> k.key IS DISTINCT FROM NEW.config -> k.key), '{}') END,
        coalesce(NEW.updated_by, session_user)
    ON CONFLICT (agent_id, version) DO NOTHING;
    -- A full queue would fail the commit; the daemons also look by themselves now and then.
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify('ai_config', NEW.type);
    END IF;
    RETURN NULL;
END
$function$;

CREATE TRIGGER ai_agent_changed BEFORE INSERT OR UPDATE ON ai_agents
    FOR EACH ROW EXECUTE FUNCTION ai_agent_changed_v1();
CREATE TRIGGER ai_agent_versioned AFTER INSERT OR UPDATE ON ai_agents
    FOR EACH ROW EXECUTE FUNCTION ai_agent_versioned_v1();

-- A raised limit or a resumed agent makes waiting requests claimable now.
CREATE FUNCTION ai_control_changed_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
BEGIN
    PERFORM ai_ring();
    RETURN NULL;
END
$function$;

CREATE TRIGGER ai_control_changed
    AFTER UPDATE OF paused, resume_at, concurrency, per_key, starts_per_minute ON ai_control
    FOR EACH ROW EXECUTE FUNCTION ai_control_changed_v1();
