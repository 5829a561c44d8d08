package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/** What PostgreSQL offers to several processes on one database. The words are apart for each schema. */
final class Postgres {
    /** The name under which change notices are sent. */
    static final String CHANNEL = "'rackboot_' || md5(current_schema())";

    private static final String CATALOG = "catalog";
    private static final int IMPORT = 0x7261_636b; // The first half of an advisory lock's name.
    private static final int WRITE = 0x7261_636c;
    private static final String SCHEMA = "hashtext(current_schema())"; // The second half.

    static final String TRY_IMPORT_LOCK = "select pg_try_advisory_lock(%d, %s)".formatted(IMPORT, SCHEMA);
    static final String RELEASE_IMPORT_LOCK = "select pg_advisory_unlock(%d, %s)".formatted(IMPORT, SCHEMA);
    static final String IS_IMPORT_LOCK_TAKEN = ("select exists (select from pg_locks l join pg_database d"
                    + " on d.oid = l.database where d.datname = current_database() and l.locktype = 'advisory' and l.granted"
                    + " and l.classid = %d and l.objsubid = 2 and l.objid::bigint = (%s::bigint & 4294967295))")
            .formatted(IMPORT, SCHEMA);
    static final String IS_IMPORT_LOCK_MINE =
            IS_IMPORT_LOCK_TAKEN.replace("where", "where l.pid = pg_backend_pid() and");

    /** Makes one process at a time write, as within one process. Ends with the transaction. */
    static final String WRITE_LOCK = "select pg_advisory_xact_lock(%d, %s)".formatted(WRITE, SCHEMA);

    /** A process that was frozen in the middle of a transaction must not hold up the others for ever. */
    static final String NO_LONG_SILENCE = "set idle_in_transaction_session_timeout = '60s'";

    private Postgres() {}

    /**
     * A connection outside the pool: what it holds and hears ends with it, and either end soon notices when the other is
     * gone.
     */
    static Connection connect(String jdbcUrl, String purpose) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("ApplicationName", "rackboot " + purpose);
        properties.setProperty("tcpKeepAlive", "true");
        properties.setProperty("connectTimeout", "10"); // Seconds, as the next.
        properties.setProperty("socketTimeout", "20");
        Connection connection = DriverManager.getConnection(jdbcUrl, properties);
        try (Statement statement = connection.createStatement()) {
            statement.execute("set tcp_keepalives_idle = 10");
            statement.execute("set tcp_keepalives_interval = 5");
            statement.execute("set tcp_keepalives_count = 3");
            return connection;
        } catch (SQLException e) {
            connection.close();
            throw e;
        }
    }

    static boolean isTrue(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(query)) {
            return rows.next() && rows.getBoolean(1);
        }
    }

    /** Tells the other processes, once the transaction is committed, that there is a new catalog. */
    static void announceCatalog(Connection connection) throws SQLException {
        if (connection.getMetaData().getURL().startsWith("jdbc:postgresql:")) {
            announce(connection, CATALOG);
        }
    }

    static void announce(Connection connection, String notice) throws SQLException {
        Sql.first(connection, "select pg_notify(" + CHANNEL + ", ?)", row -> "", notice);
    }
}
