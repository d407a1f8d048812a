CREATE DATABASE IF NOT EXISTS mail CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
CREATE DATABASE IF NOT EXISTS roundcube CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
CREATE USER IF NOT EXISTS 'deploy'@'192.0.2.1';
ALTER USER 'deploy'@'192.0.2.1' IDENTIFIED BY 'sample-deploy' REQUIRE SSL;
GRANT ALL ON mail.* TO 'deploy'@'192.0.2.1' WITH GRANT OPTION;
GRANT ALL ON roundcube.* TO 'deploy'@'192.0.2.1' WITH GRANT OPTION;
GRANT CREATE USER ON *.* TO 'deploy'@'192.0.2.1';
-- A refresh asks whether users and grants are still there; SHOW GRANTS for others wants this much.
GRANT SELECT ON mysql.* TO 'deploy'@'192.0.2.1';
CREATE USER IF NOT EXISTS 'health'@'127.0.0.1';
ALTER USER 'health'@'127.0.0.1' IDENTIFIED BY 'sample-health' REQUIRE SSL;
-- Nobody logs in as root: the image does, over the socket and before there is a network, to make a new server. After that
-- its password opens nothing.
SET @lock_root = IF(@@skip_networking, 'DO 0', 'ALTER USER IF EXISTS ''root''@''localhost'' ACCOUNT LOCK');
PREPARE lock_root FROM @lock_root;
EXECUTE lock_root;
