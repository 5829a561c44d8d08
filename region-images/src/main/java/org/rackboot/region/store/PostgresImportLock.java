package org.rackboot.region.store;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The right to import as an advisory lock, which PostgreSQL takes back as soon as the session that holds it ends: after
 * {@code kill -9} the next process need not wait.
 */
final class PostgresImportLock implements ImportLock {
    private static final long LOOK_MILLIS = 500;

    private final RegionDatabase database;
    private final String jdbcUrl;
    private final PostgresNotices.Sender notices;

    PostgresImportLock(RegionDatabase database, String jdbcUrl, PostgresNotices.Sender notices) {
        this.database = database;
        this.jdbcUrl = jdbcUrl;
        this.notices = notices;
    }

    @Override
    public Optional<Held> tryTake() throws DatabaseException {
        try {
            Connection connection = Postgres.connect(jdbcUrl, "import");
            try {
                if (Postgres.isTrue(connection, Postgres.TRY_IMPORT_LOCK)) {
                    return Optional.of(new Session(connection));
                }
            } catch (SQLException e) {
                connection.close();
                throw e;
            }
            connection.close();
            return Optional.empty();
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    @Override
    public Held take() throws DatabaseException, InterruptedException {
        while (true) {
            Optional<Held> taken = isTaken() ? Optional.empty() : tryTake();
            if (taken.isPresent()) {
                return taken.get();
            }
            TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
        }
    }

    @Override
    public boolean isTaken() throws DatabaseException {
        return database.read(c -> Postgres.isTrue(c, Postgres.IS_IMPORT_LOCK_TAKEN));
    }

    @Override
    public void askOthersToStop() throws DatabaseException {
        notices.stopImport();
    }

    private static DatabaseException failed(SQLException cause) {
        return new DatabaseException(
                "The region database did not say whether another process imports: " + cause.getMessage(), cause);
    }

    /** The session that holds the lock, and a thread that looks whether it still does. */
    private static final class Session implements Held {
        private final Connection connection; // Guarded by this.
        private final CompletableFuture<Void> lost = new CompletableFuture<>();
        private final CountDownLatch closed = new CountDownLatch(1);

        Session(Connection connection) {
            this.connection = connection;
            Thread watch = new Thread(this::watch, "import-lock");
            watch.setDaemon(true);
            watch.start();
        }

        @Override
        public CompletionStage<Void> lost() {
            return lost.minimalCompletionStage();
        }

        @Override
        public synchronized void close() {
            if (isClosed()) {
                return;
            }
            closed.countDown();
            try (connection) {
                Postgres.isTrue(connection, Postgres.RELEASE_IMPORT_LOCK);
            } catch (SQLException e) {
                lost.complete(null); // With its session the lock is gone, too.
            }
        }

        private void watch() {
            try {
                while (!closed.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                    if (!isHeld()) {
                        lost.complete(null);
                        return;
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        private synchronized boolean isHeld() {
            try {
                return isClosed() || Postgres.isTrue(connection, Postgres.IS_IMPORT_LOCK_MINE);
            } catch (SQLException e) {
                return false;
            }
        }

        private boolean isClosed() {
            return closed.getCount() == 0;
        }
    }
}
