-- Lantern Books' customer care, an older system on MariaDB or MySQL, planted problems included.
-- {password} is made up anew for every server, so that nobody can sign in as these people.

CREATE DATABASE crm;
CREATE DATABASE crm_archive;
CREATE DATABASE wiki;

CREATE TABLE crm.contacts (
  id int PRIMARY KEY AUTO_INCREMENT, name varchar(80) NOT NULL, email varchar(120) NOT NULL,
  phone varchar(40), subscribed boolean NOT NULL DEFAULT true
);
CREATE TABLE crm.tickets (
  id int PRIMARY KEY AUTO_INCREMENT, contact_id int NOT NULL, opened_on date NOT NULL, text text,
  FOREIGN KEY (contact_id) REFERENCES crm.contacts (id)
);
CREATE TABLE crm_archive.tickets_2019 (id int PRIMARY KEY, text text);
CREATE TABLE wiki.pages (id int PRIMARY KEY AUTO_INCREMENT, title varchar(200) NOT NULL, body text);
CREATE TABLE wiki.drafts (id int PRIMARY KEY);
INSERT INTO crm.contacts (name, email)
  WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 600)
  SELECT concat('Reader ', i), concat('reader', i, '@example.org') FROM n;
INSERT INTO crm.tickets (contact_id, opened_on, text)
  SELECT id, '2024-03-01', 'Where is my parcel?' FROM crm.contacts WHERE id % 4 = 0;
INSERT INTO wiki.pages (title, body) VALUES ('How we answer', 'Politely.'), ('Returns', 'Free.');
CREATE PROCEDURE crm.forget(IN contact int)
  UPDATE crm.contacts SET name = '', email = '', phone = NULL WHERE id = contact;

CREATE ROLE crm_reader;
CREATE ROLE crm_agent;
CREATE ROLE wiki_editor;
GRANT SELECT ON crm.* TO crm_reader;
GRANT SELECT ON `crm\_archive`.* TO crm_reader;
GRANT INSERT, UPDATE ON crm.tickets TO crm_agent;
GRANT crm_reader TO crm_agent;
GRANT SELECT, INSERT, UPDATE, DELETE ON wiki.* TO wiki_editor;

-- Programs. The application's account answers from its own network only; the import that was
-- needed once answers to the whole world, and may do everything.
CREATE USER crm_app@'10.20.%' IDENTIFIED BY '{password}';
GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON crm.* TO crm_app@'10.20.%';
CREATE USER crm_import@'%' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO crm_import@'%' WITH GRANT OPTION;
CREATE USER newsletter@'10.20.30.7' IDENTIFIED BY '{password}';
GRANT SELECT (id, email, subscribed), UPDATE (subscribed) ON crm.contacts TO newsletter@'10.20.30.7';
CREATE USER wiki_app@localhost IDENTIFIED BY '{password}';
GRANT SELECT, INSERT, UPDATE, DELETE ON wiki.* TO wiki_app@localhost;
CREATE USER backup@localhost IDENTIFIED BY '{password}';
GRANT SELECT, LOCK TABLES, SHOW VIEW, RELOAD, PROCESS ON *.* TO backup@localhost;

-- People: one whose account is locked, one whose password expired, and a guest without a password.
CREATE USER ines@'%' IDENTIFIED BY '{password}';
CREATE USER jan@'%' IDENTIFIED BY '{password}' ACCOUNT LOCK;
CREATE USER petra@'%' IDENTIFIED BY '{password}' PASSWORD EXPIRE;
CREATE USER oskar@'%' IDENTIFIED BY '{password}' PASSWORD EXPIRE INTERVAL 90 DAY;
CREATE USER guest@'10.20.%';
GRANT crm_agent TO ines@'%', petra@'%';
GRANT wiki_editor TO ines@'%', jan@'%';
GRANT crm_reader TO oskar@'%' WITH ADMIN OPTION;
SET DEFAULT ROLE crm_agent /*M! FOR */ /*!80000 TO */ ines@'%';
GRANT EXECUTE ON PROCEDURE crm.forget TO petra@'%';
GRANT SELECT ON wiki.pages TO guest@'10.20.%';
GRANT SELECT ON `wiki`.* TO oskar@'%' WITH GRANT OPTION;
-- A right on a table that is gone waits for the next table of that name.
GRANT SELECT ON wiki.drafts TO guest@'10.20.%';
DROP TABLE wiki.drafts;

-- Our own login, with no more than it needs.
CREATE USER whalefall@localhost IDENTIFIED BY '{password}';
GRANT SHOW DATABASES, PROCESS, SHOW VIEW ON *.* TO whalefall@localhost;
GRANT SELECT ON mysql.db TO whalefall@localhost;
GRANT SELECT ON mysql.tables_priv TO whalefall@localhost;
GRANT SELECT ON mysql.columns_priv TO whalefall@localhost;
GRANT SELECT ON mysql.procs_priv TO whalefall@localhost;
GRANT SELECT ON mysql.proxies_priv TO whalefall@localhost;
-- MariaDB reads the one comment, MySQL the other; of the last two MariaDB needs nothing new.
GRANT SELECT ON mysql./*M! global_priv */ /*!80000 user */ TO whalefall@localhost;
GRANT SELECT ON mysql./*M! roles_mapping */ /*!80000 role_edges */ TO whalefall@localhost;
GRANT SELECT ON mysql./*M! db */ /*!80000 global_grants */ TO whalefall@localhost;
GRANT SELECT ON mysql./*M! db */ /*!80000 default_roles */ TO whalefall@localhost;
FLUSH PRIVILEGES;
