package org.rackboot.protocol.dhcp6;

import java.util.Optional;
import org.rackboot.protocol.dhcp.Octets;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Exchange;
import org.rackboot.protocol.dhcp6.Dhcp6Message.Relay;
import org.rackboot.protocol.dhcp6.Dhcp6Option.BootFileUrl;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ClientId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.InterfaceId;
import org.rackboot.protocol.dhcp6.Dhcp6Option.ServerId;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Decision;
import org.rackboot.protocol.dhcp6.ProxyDhcp6.Service;

/** What must hold of every answer, to whatever message. */
final class Answers6 {
    private static final Duid SERVER =
            Duid.read(Octets.of(Packets6.bytes(Packets6.SERVER_DUID))).orElseThrow();
    private static final ProxyDhcp6 PROXY =
            new ProxyDhcp6(SERVER, client -> Optional.of("tftp://[2001:db8::1]/bootx64.efi"));

    private Answers6() {}

    /** Returns whether there was an answer. Plain conditions: it is asked a million times. */
    static boolean check(Dhcp6Message message, Service service) {
        if (!(PROXY.receive(message, service) instanceof Decision.Reply reply)) {
            return false;
        }
        Dhcp6Message asked = message;
        Dhcp6Message answer = reply.message();
        while (asked instanceof Relay there && answer instanceof Relay back) {
            must(there.isForward() && !back.isForward(), "a Relay-forward gets a Relay-reply");
            must(back.hopCount() == there.hopCount(), "hop count");
            must(back.peer().equals(there.peer()) && back.link().equals(there.link()), "addresses of the relay");
            must(same(InterfaceId.class, there, back), "interface id");
            asked = there.message();
            answer = back.message();
        }
        check((Exchange) asked, (Exchange) answer, service);
        Octets written = Dhcp6Codec.octets(reply.message());
        must(written.length() <= ProxyDhcp6.MOST_BYTES, "length");
        try {
            must(Dhcp6Codec.decode(written.buffer()).equals(reply.message()), "what was written is read again");
        } catch (MalformedDhcp6Exception e) {
            throw new AssertionError("what was written is not read: " + reply.message(), e);
        }
        return true;
    }

    private static void check(Exchange asked, Exchange answer, Service service) {
        Dhcp6Options options = asked.options();
        boolean solicit = asked.type() == Dhcp6Type.SOLICIT;
        must(
                asked.type() == Dhcp6Type.INFORMATION_REQUEST
                        || (service == Service.DHCP ? solicit : asked.type() == Dhcp6Type.REQUEST),
                "a message that is answered on that port");
        must(options.asksFor(Dhcp6Option.BOOT_FILE_URL) || options.has(61), "whoever boots");
        must(options.first(ServerId.class).map(id -> id.duid().equals(SERVER)).orElse(true), "for nobody else");
        must(answer.type() == (solicit ? Dhcp6Type.ADVERTISE : Dhcp6Type.REPLY), "type of the answer");
        must(answer.transactionId() == asked.transactionId(), "transaction");
        must(same(ClientId.class, asked, answer), "client id");
        must(answer.options().first(ServerId.class).equals(Optional.of(new ServerId(SERVER))), "server id");
        must(answer.options().first(BootFileUrl.class).isPresent(), "URL");
        for (int address : new int[] {Dhcp6Option.IA_NA, Dhcp6Option.IA_TA, Dhcp6Option.IA_PD}) {
            must(!answer.options().has(address), "no address");
        }
    }

    private static <T extends Dhcp6Option> boolean same(Class<T> kind, Dhcp6Message one, Dhcp6Message other) {
        return one.options().first(kind).equals(other.options().first(kind));
    }

    private static void must(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }
}
