-- The main app's tables as its own models create them: no check, no enum, no default but the
-- serials, no index on a foreign key or a date. Only tables that the agents read, or must never
-- read (users' hashes, settings, messages, payments, files).

CREATE TABLE trainers (
    id serial PRIMARY KEY,
    name varchar(100) NOT NULL,
    email varchar(120) NOT NULL UNIQUE,
    phone varchar(20),
    specialization varchar(200),
    certification varchar(200),
    experience integer,
    bio text,
    hourly_rate double precision,
    active boolean,
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE clients (
    id serial PRIMARY KEY,
    name varchar(100) NOT NULL,
    email varchar(120) NOT NULL UNIQUE,
    phone varchar(20),
    age integer,
    goals text,
    medical_conditions text,
    emergency_contact varchar(200),
    emergency_phone varchar(20),
    status varchar(50),
    membership_type varchar(50),
    start_date timestamp,
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE users (
    id serial PRIMARY KEY,
    email varchar(120) NOT NULL UNIQUE,
    password_hash varchar(255) NOT NULL,
    role varchar(50),
    active boolean,
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE assignments (
    id serial PRIMARY KEY,
    trainer_id integer NOT NULL REFERENCES trainers (id),
    client_id integer NOT NULL REFERENCES clients (id),
    notes text,
    status varchar(50),
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE recurring_sessions (
    id serial PRIMARY KEY,
    trainer_id integer NOT NULL REFERENCES trainers (id),
    client_id integer NOT NULL REFERENCES clients (id),
    start_date timestamp NOT NULL,
    end_date timestamp,
    start_time time NOT NULL,
    duration integer,
    session_type varchar(100),
    location varchar(200),
    recurrence_pattern varchar(50) NOT NULL,
    recurrence_days json,
    notes text,
    active boolean,
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE sessions (
    id serial PRIMARY KEY,
    trainer_id integer NOT NULL REFERENCES trainers (id),
    client_id integer NOT NULL REFERENCES clients (id),
    session_date timestamp NOT NULL,
    end_time timestamp,
    duration integer,
    session_type varchar(100),
    location varchar(200),
    notes text,
    status varchar(50),
    recurring_session_id integer REFERENCES recurring_sessions (id),
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE measurements (
    id serial PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients (id),
    measurement_date timestamp NOT NULL,
    weight double precision,
    weight_unit varchar(10),
    body_fat_percentage double precision,
    muscle_mass double precision,
    bmi double precision,
    chest double precision,
    waist double precision,
    hips double precision,
    thigh_left double precision,
    thigh_right double precision,
    arm_left double precision,
    arm_right double precision,
    calf_left double precision,
    calf_right double precision,
    measurement_unit varchar(10),
    resting_heart_rate integer,
    blood_pressure_systolic integer,
    blood_pressure_diastolic integer,
    notes text,
    recorded_by varchar(200),
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE progress_records (
    id serial PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients (id),
    record_date timestamp NOT NULL,
    weight double precision,
    body_fat_percentage double precision,
    measurements json,
    notes text,
    photos json,
    created_at timestamp
);

CREATE TABLE goals (
    id serial PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients (id),
    title varchar(200) NOT NULL,
    description text,
    category varchar(50),
    target_value double precision,
    target_unit varchar(50),
    current_value double precision,
    start_date timestamp,
    target_date timestamp,
    completed_date timestamp,
    status varchar(50),
    priority varchar(50),
    notes text,
    created_by integer REFERENCES trainers (id),
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE goal_milestones (
    id serial PRIMARY KEY,
    goal_id integer NOT NULL REFERENCES goals (id),
    title varchar(200) NOT NULL,
    description text,
    target_value double precision,
    target_date timestamp,
    completed boolean,
    completed_date timestamp,
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE exercises (
    id serial PRIMARY KEY,
    name varchar(200) NOT NULL,
    category varchar(100),
    muscle_group varchar(100),
    equipment varchar(200),
    difficulty varchar(50),
    description text,
    instructions text,
    tips text,
    image_url varchar(500),
    video_url varchar(500),
    is_custom boolean,
    created_by integer REFERENCES trainers (id),
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE workout_templates (
    id serial PRIMARY KEY,
    name varchar(200) NOT NULL,
    description text,
    category varchar(100),
    difficulty varchar(50),
    duration_minutes integer,
    created_by integer NOT NULL REFERENCES trainers (id),
    is_public boolean,
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE workout_exercises (
    id serial PRIMARY KEY,
    workout_template_id integer NOT NULL REFERENCES workout_templates (id),
    exercise_id integer NOT NULL REFERENCES exercises (id),
    "order" integer,
    sets integer,
    reps varchar(50),
    duration_seconds integer,
    rest_seconds integer,
    weight varchar(50),
    notes text
);

CREATE TABLE client_workouts (
    id serial PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients (id),
    workout_template_id integer NOT NULL REFERENCES workout_templates (id),
    assigned_by integer NOT NULL REFERENCES trainers (id),
    assigned_date timestamp,
    start_date date,
    end_date date,
    frequency_per_week integer,
    notes text,
    status varchar(50)
);

CREATE TABLE workout_logs (
    id serial PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients (id),
    client_workout_id integer REFERENCES client_workouts (id),
    workout_template_id integer REFERENCES workout_templates (id),
    completed_date timestamp,
    duration_minutes integer,
    difficulty_rating integer,
    notes text
);

CREATE TABLE settings (
    id serial PRIMARY KEY,
    business_name varchar(200),
    contact_email varchar(120),
    sendgrid_api_key varchar(500),
    twilio_account_sid varchar(500),
    twilio_auth_token varchar(500),
    created_at timestamp,
    updated_at timestamp
);

CREATE TABLE messages (
    id serial PRIMARY KEY,
    sender_type varchar(50),
    sender_id integer,
    recipient_type varchar(50),
    recipient_id integer,
    content text NOT NULL,
    created_at timestamp
);

CREATE TABLE payments (
    id serial PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients (id),
    amount double precision NOT NULL,
    payment_date timestamp NOT NULL,
    payment_method varchar(50),
    status varchar(50),
    transaction_id varchar(200),
    notes text,
    created_at timestamp
);

CREATE TABLE files (
    id serial PRIMARY KEY,
    filename varchar(255) NOT NULL,
    file_path varchar(500) NOT NULL,
    client_id integer REFERENCES clients (id),
    uploaded_by integer NOT NULL REFERENCES trainers (id),
    created_at timestamp
);

CREATE TABLE activity_logs (
    id serial PRIMARY KEY,
    action varchar(100) NOT NULL,
    entity_type varchar(50) NOT NULL,
    entity_id integer,
    user_identifier varchar(200),
    details json,
    created_at timestamp
);
