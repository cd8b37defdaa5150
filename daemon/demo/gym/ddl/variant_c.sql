-- The small shape of the app's newest start-up: no trainers, measurements, goals or workouts.

CREATE TABLE users (
    id serial PRIMARY KEY,
    username varchar(80) NOT NULL UNIQUE,
    email varchar(120) NOT NULL UNIQUE,
    password_hash varchar(255) NOT NULL
);

CREATE TABLE clients (
    id serial PRIMARY KEY,
    name varchar(100) NOT NULL,
    email varchar(120) NOT NULL,
    phone varchar(20),
    user_id integer REFERENCES users (id)
);

CREATE TABLE sessions (
    id serial PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients (id),
    session_date timestamp NOT NULL,
    end_time timestamp,
    duration integer,
    location varchar(200),
    notes text,
    user_id integer REFERENCES users (id)
);
