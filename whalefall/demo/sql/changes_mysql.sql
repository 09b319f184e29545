-- What happened in customer care since the last look.

-- Lena helps out, Jan is back, Petra left.
CREATE USER lena@'%' IDENTIFIED BY '{password}' PASSWORD EXPIRE INTERVAL 180 DAY;
GRANT crm_agent TO lena@'%';
ALTER USER jan@'%' ACCOUNT UNLOCK;
DROP USER petra@'%';
-- The wiki moved to another machine; this server has no id of an account, so it looks like a new one.
RENAME USER wiki_app@localhost TO wiki_app@'10.20.30.9';
-- Somebody let the newsletter read everything.
GRANT SELECT ON crm.* TO newsletter@'10.20.30.7';
REVOKE DELETE ON crm.* FROM crm_app@'10.20.%';
