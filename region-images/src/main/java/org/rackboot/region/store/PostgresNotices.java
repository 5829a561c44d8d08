package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Hears at once what other processes on the same database tell. Where a notice is lost, with the connection or in a
 * connection pooler, it is found out within seconds by looking.
 */
final class PostgresNotices implements AutoCloseable {
    private static final int LOOK_MILLIS = 5_000;
    private static final int RECONNECT_MILLIS = 1_000;
    private static final String STOP_IMPORT = "stop-import ";

    private final String jdbcUrl;
    private final Sender self;
    private final RegionDatabase.Notices listener;
    private @Nullable Connection connection; // Guarded by this.
    private final CountDownLatch closed = new CountDownLatch(1);

    /** Tells the other processes something, and is known by a name that no other has. */
    static final class Sender {
        private final RegionDatabase database;
        private final String name = UUID.randomUUID().toString();

        Sender(RegionDatabase database) {
            this.database = database;
        }

        void stopImport() throws DatabaseException {
            database.write(c -> {
                Postgres.announce(c, STOP_IMPORT + name);
                return 1;
            });
        }
    }

    /** Listens until it is closed, on a thread of its own. */
    PostgresNotices(String jdbcUrl, Sender self, RegionDatabase.Notices listener) {
        this.jdbcUrl = jdbcUrl;
        this.self = self;
        this.listener = listener;
        Thread thread = new Thread(this::run, "region-notices");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public synchronized void close() {
        closed.countDown();
        if (connection != null) {
            abort(connection);
        }
    }

    private void run() {
        try {
            do {
                hear();
            } while (!closed.await(RECONNECT_MILLIS, TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void hear() {
        try (Connection opened = Postgres.connect(jdbcUrl, "notices")) {
            use(opened);
            listen(opened);
        } catch (SQLException e) {
            // It is tried again soon; whoever reads or writes meanwhile says what is wrong with the database.
        }
    }

    private void listen(Connection opened) throws SQLException {
        try (Statement statement = opened.createStatement()) {
            String channel = Sql.first(opened, "select " + Postgres.CHANNEL, row -> row.getString(1))
                    .orElseThrow(() -> new SQLException("the database has no schema"));
            statement.execute("listen " + channel);
        }
        Optional<Long> seen = Optional.empty(); // What happened before this connection was not heard.
        while (!isClosed()) {
            Optional<Long> version = ImageRepository.catalogVersion(opened);
            if (!version.equals(seen)) {
                seen = version;
                listener.catalogChanged();
            }
            PGNotification[] notices = opened.unwrap(PGConnection.class).getNotifications(LOOK_MILLIS);
            for (PGNotification notice : notices == null ? new PGNotification[0] : notices) {
                if (notice.getParameter().startsWith(STOP_IMPORT)
                        && !notice.getParameter().equals(STOP_IMPORT + self.name)) {
                    listener.stopImport();
                }
            }
        }
    }

    private boolean isClosed() {
        return closed.getCount() == 0;
    }

    private synchronized void use(Connection opened) {
        connection = opened;
    }

    private static void abort(Connection connection) {
        try {
            connection.abort(Runnable::run); // Unlike close(), it does not wait for the thread that reads.
        } catch (SQLException e) {
            throw new IllegalStateException(e); // Only for want of permission, and nobody asks for one.
        }
    }
}
