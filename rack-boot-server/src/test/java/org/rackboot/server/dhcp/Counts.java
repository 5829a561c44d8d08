package org.rackboot.server.dhcp;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Keeps what it is told, one word each. */
final class Counts implements DhcpListener.Listener {
    final List<String> words = new CopyOnWriteArrayList<>();

    @Override
    public void received(DhcpListener.Received type) {
        words.add("received " + type);
    }

    @Override
    public void answered(boolean isOffer, DhcpListener.Answered client) {
        words.add((isOffer ? "offer " : "ack ") + client);
    }

    @Override
    public void silent(DhcpListener.Silent why) {
        words.add("silent " + why);
    }

    @Override
    public void malformed() {
        words.add("malformed");
    }

    long count(String word) {
        return words.stream().filter(word::equals).count();
    }
}
