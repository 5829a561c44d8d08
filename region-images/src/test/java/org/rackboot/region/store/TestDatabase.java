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
import java.util.concurrent.atomic.AtomicInteger;
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
        if (FOREIGN.isEmpty()) {
            return RegionDatabase.open(sqlite(directory));
        }
        return RegionDatabase.open(emptyPostgres());
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

    /** How a write fails. */
    public enum Failure {
        /** The statement or commit is not carried out. */
        BEFORE,
        /** It is carried out, but the answer is lost; with a commit, nobody can tell. */
        AFTER
    }

    /** Opens a database whose n-th write, counted from 1, fails: a statement that changes rows, or a commit. */
    public static RegionDatabase failing(String url, int n, Failure failure, AtomicInteger count)
            throws DatabaseException {
        return RegionDatabase.open(
                url, connection -> wrapped(Connection.class, connection, new Fault(n, failure, count)));
    }

    private record Fault(int n, Failure failure, AtomicInteger count) {}

    private static <T> T wrapped(Class<T> type, T real, Fault fault) {
        return type.cast(Proxy.newProxyInstance(
                TestDatabase.class.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    boolean counts = method.getName().equals("executeUpdate")
                            || method.getName().equals("commit");
                    boolean fails = counts && fault.count.incrementAndGet() == fault.n;
                    if (fails && fault.failure == Failure.BEFORE) {
                        throw new SQLException("the test broke this write");
                    }
                    try {
                        Object result = method.invoke(real, arguments);
                        if (fails) {
                            throw new SQLException("the test lost the answer to this write");
                        }
                        return result instanceof PreparedStatement statement
                                ? wrapped(PreparedStatement.class, statement, fault)
                                : result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
