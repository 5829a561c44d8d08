package org.rackboot.region.store;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * The database that contract tests run on: SQLite; or with {@code -Drackboot.test.database=} a PostgreSQL, whose schema
 * {@code public} is then emptied for each test: {@code embedded} for one that is started for the tests, or a JDBC URL.
 */
public final class TestDatabase {
    private static final String FOREIGN = System.getProperty("rackboot.test.database", "");

    private static final Logger FLYWAY = Logger.getLogger("org.flywaydb");

    static {
        FLYWAY.setLevel(Level.WARNING); // A logger's level lasts as long as somebody holds the logger.
    }

    private TestDatabase() {}

    /** A new, empty database. */
    public static RegionDatabase open(Path directory) throws DatabaseException {
        return open(directory, new Faults());
    }

    /** A new, empty database whose calls fail as {@code faults} says. */
    public static RegionDatabase open(Path directory, Faults faults) throws DatabaseException {
        return FOREIGN.isEmpty() ? openSqlite(directory, faults) : RegionDatabase.open(emptyPostgres(), faults::around);
    }

    /** The SQLite database of a directory, new or not, whatever the other tests run on. */
    public static RegionDatabase openSqlite(Path directory, Faults faults) throws DatabaseException {
        return RegionDatabase.open(sqlite(directory), faults::around);
    }

    /** The URL of an empty PostgreSQL, whatever the other tests run on. */
    public static String emptyPostgres() {
        String url = FOREIGN.startsWith("jdbc:") ? FOREIGN : Embedded.URL;
        try (Connection connection = DriverManager.getConnection(url);
                var statement = connection.createStatement()) {
            statement.execute("drop schema public cascade");
            statement.execute("create schema public");
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
        return url;
    }

    /** Ends the sessions of that name, as a broken network or an administrator does. */
    public static void endSessions(String url, String name) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                PreparedStatement end = connection.prepareStatement(
                        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = ?")) {
            end.setString(1, name);
            end.execute();
        }
    }

    /** Forgets everything that an open database holds. */
    public static void empty(RegionDatabase database) throws DatabaseException {
        database.write(c -> {
            for (String table : List.of(
                    "assignment",
                    "document",
                    "tag",
                    "image_options",
                    "seen_machine",
                    "machine",
                    "rack",
                    "upload",
                    "image",
                    "archive_member",
                    "content",
                    "selection",
                    "boot_source")) { // What hangs on these goes with them.
                Sql.update(c, "delete from " + table);
            }
            return 0;
        });
    }

    /** Started when it is first needed; ends with this process. */
    private static final class Embedded {
        static final String URL = start();

        private static String start() {
            try {
                return EmbeddedPostgres.builder()
                        .setLocaleConfig("locale", "C.UTF-8")
                        .start()
                        .getJdbcUrl("postgres", "postgres");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    public static String sqlite(Path directory) {
        return "jdbc:sqlite:" + directory.resolve("region.db");
    }

    /** How a call to the database fails. */
    public enum Failure {
        /** It is not carried out. */
        BEFORE,
        /** It is not carried out, nor is any later one on its connection. */
        LOST,
        /** A commit is carried out, but the answer is lost: nobody can tell. Other calls do not count. */
        AFTER
    }

    /**
     * Lets the n-th call to a database fail: of a statement or of the transaction around it. Preparing a statement fails as
     * carrying it out does, and a row as its query, since results are read whole: those do not count. None fails until {@link
     * #arm}. Any thread may use it.
     */
    public static final class Faults {
        private int nth;
        private Failure failure = Failure.BEFORE;
        private int calls;
        private int borrowed;

        /** @param n counted from 1 and from now on */
        public synchronized void arm(int n, Failure how) {
            nth = n;
            failure = how;
            calls = 0;
        }

        /**
         * From now on nothing fails.
         *
         * @return whether something did
         */
        public synchronized boolean disarm() {
            boolean happened = nth > 0 && calls >= nth;
            nth = 0;
            return happened;
        }

        /** How many connections somebody has and did not give back. */
        public synchronized int borrowed() {
            return borrowed;
        }

        Connection around(Connection real) {
            synchronized (this) {
                borrowed++;
            }
            return around(Connection.class, real, new AtomicBoolean());
        }

        private <T> T around(Class<T> type, T real, AtomicBoolean lost) {
            return type.cast(Proxy.newProxyInstance(
                    TestDatabase.class.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                        String call = method.getName();
                        if (call.equals("close") && real instanceof Connection) {
                            givenBack();
                        }
                        boolean fails = !call.equals("close") && counts(call) && isNth();
                        if (fails && failure != Failure.AFTER) {
                            lost.set(failure == Failure.LOST);
                            throw new SQLException("the test broke this call of " + call);
                        }
                        if (lost.get() && !call.equals("close")) {
                            throw new SQLException("the test lost this connection");
                        }
                        try {
                            Object result = method.invoke(real, arguments);
                            if (fails) {
                                throw new SQLException("the test lost the answer to this " + call);
                            }
                            return wrapped(result, lost);
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    }));
        }

        private Object wrapped(Object result, AtomicBoolean lost) {
            return result instanceof PreparedStatement statement
                    ? around(PreparedStatement.class, statement, lost)
                    : result;
        }

        private synchronized boolean counts(String call) {
            return failure == Failure.AFTER ? call.equals("commit") : CALLS.contains(call);
        }

        private synchronized boolean isNth() {
            calls++;
            return calls == nth;
        }

        private synchronized void givenBack() {
            borrowed--;
        }
    }

    private static final Set<String> CALLS =
            Set.of("setAutoCommit", "executeQuery", "executeUpdate", "commit", "rollback");
}
