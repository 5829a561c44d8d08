package org.rackboot.protocol.dhcp;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.rackboot.protocol.address.Ipv4Address;

/**
 * What PXE clients and boot servers say within option 43 (PXE 2.1, table 2-1; quirk D6). Tags beyond these are not kept:
 * each answer is made anew.
 *
 * @param discoveryControl tag 6: {@link #NO_BROADCAST} and so on; empty if it is not there
 * @param servers tag 8
 * @param menu tag 9
 * @param prompt tag 10
 * @param item tag 71: what the client chose of a menu, or a server's answer to that
 */
public record PxeVendorOptions(
        OptionalInt discoveryControl,
        List<BootServers> servers,
        List<MenuEntry> menu,
        Optional<Prompt> prompt,
        Optional<BootItem> item)
        implements DhcpOption {
    /** Bits of discovery control. */
    public static final int NO_BROADCAST = 1;

    public static final int NO_MULTICAST = 2;
    public static final int LISTED_SERVERS_ONLY = 4;
    /** Load the file of this offer, and discover nothing. */
    public static final int USE_THE_FILE = 8;

    private static final int TAG_CONTROL = 6;
    private static final int TAG_SERVERS = 8;
    private static final int TAG_MENU = 9;
    private static final int TAG_PROMPT = 10;
    private static final int TAG_ITEM = 71;

    /** Servers of one type, from 0 (bootstrap) to 65535. */
    public record BootServers(int type, List<Ipv4Address> addresses) {
        public BootServers {
            addresses = List.copyOf(addresses);
            if (addresses.size() > 60) {
                throw new IllegalArgumentException("more boot servers than an option holds: " + addresses.size());
            }
        }
    }

    /** @param text of at most 252 characters */
    public record MenuEntry(int type, String text) {
        public MenuEntry {
            if (text.length() > 252) {
                throw new IllegalArgumentException("a menu entry of " + text.length() + " characters");
            }
        }
    }

    /** @param seconds that the client waits for a key; 0 = no prompt, 255 = for ever */
    public record Prompt(int seconds, String text) {}

    /** @param layer 0 for the first; its highest bit means credentials, which nobody uses */
    public record BootItem(int type, int layer) {}

    public PxeVendorOptions {
        servers = List.copyOf(servers);
        menu = List.copyOf(menu);
    }

    /** Only this control. */
    public static PxeVendorOptions control(int bits) {
        return new PxeVendorOptions(OptionalInt.of(bits), List.of(), List.of(), Optional.empty(), Optional.empty());
    }

    /** Empty if the option is not PXE's: it is any vendor's. */
    static Optional<PxeVendorOptions> read(Octets value) {
        OptionalInt control = OptionalInt.empty();
        List<BootServers> servers = new ArrayList<>();
        List<MenuEntry> menu = new ArrayList<>();
        Optional<Prompt> prompt = Optional.empty();
        Optional<BootItem> item = Optional.empty();
        int at = 0;
        while (at < value.length() && value.at(at) != OptionCode.END) {
            int tag = value.at(at);
            if (tag == OptionCode.PAD) {
                at++;
                continue;
            }
            if (at + 1 >= value.length() || at + 2 + value.at(at + 1) > value.length()) {
                return Optional.empty();
            }
            Octets of = value.slice(at + 2, at + 2 + value.at(at + 1));
            at += 2 + of.length();
            boolean good = true;
            if (tag == TAG_CONTROL && of.length() == 1) {
                control = OptionalInt.of(of.at(0));
            } else if (tag == TAG_SERVERS) {
                good = readServers(of, servers);
            } else if (tag == TAG_MENU) {
                good = readMenu(of, menu);
            } else if (tag == TAG_PROMPT && of.length() >= 1) {
                prompt = Optional.of(
                        new Prompt(of.at(0), of.slice(1, of.length()).text()));
            } else if (tag == TAG_ITEM && of.length() == 4) {
                item = Optional.of(new BootItem(shortAt(of, 0), shortAt(of, 2)));
            }
            if (!good) {
                return Optional.empty();
            }
        }
        return Optional.of(new PxeVendorOptions(control, servers, menu, prompt, item));
    }

    private static boolean readServers(Octets of, List<BootServers> into) {
        int at = 0;
        while (at < of.length()) {
            if (at + 3 > of.length() || of.at(at + 2) > 60 || at + 3 + 4 * of.at(at + 2) > of.length()) {
                return false;
            }
            List<Ipv4Address> addresses = new ArrayList<>();
            for (int i = 0; i < of.at(at + 2); i++) {
                addresses.add(new Ipv4Address(of.buffer().getInt(at + 3 + 4 * i)));
            }
            into.add(new BootServers(shortAt(of, at), addresses));
            at += 3 + 4 * addresses.size();
        }
        return true;
    }

    private static boolean readMenu(Octets of, List<MenuEntry> into) {
        int at = 0;
        while (at < of.length()) {
            if (at + 3 > of.length() || of.at(at + 2) > 252 || at + 3 + of.at(at + 2) > of.length()) {
                return false;
            }
            int end = at + 3 + of.at(at + 2);
            into.add(new MenuEntry(shortAt(of, at), of.slice(at + 3, end).text()));
            at = end;
        }
        return true;
    }

    private static int shortAt(Octets of, int at) {
        return of.at(at) << 8 | of.at(at + 1);
    }

    @Override
    public int code() {
        return OptionCode.VENDOR_SPECIFIC;
    }

    @Override
    public Octets value() {
        Octets all = Octets.NONE;
        if (discoveryControl.isPresent()) {
            all = all.plus(tagged(TAG_CONTROL, Octets.of((byte) discoveryControl.getAsInt())));
        }
        Octets list = Octets.NONE;
        for (BootServers each : servers) {
            list = list.plus(shortOf(each.type()))
                    .plus(Octets.of((byte) each.addresses().size()));
            for (Ipv4Address address : each.addresses()) {
                list = list.plus(new ServerIdentifier(address).value());
            }
        }
        all = servers.isEmpty() ? all : all.plus(tagged(TAG_SERVERS, list));
        Octets entries = Octets.NONE;
        for (MenuEntry entry : menu) {
            entries = entries.plus(shortOf(entry.type()))
                    .plus(Octets.of((byte) entry.text().length()))
                    .plus(Octets.ofText(entry.text()));
        }
        all = menu.isEmpty() ? all : all.plus(tagged(TAG_MENU, entries));
        if (prompt.isPresent()) {
            Octets text = Octets.ofText(prompt.get().text());
            all = all.plus(
                    tagged(TAG_PROMPT, Octets.of((byte) prompt.get().seconds()).plus(text)));
        }
        if (item.isPresent()) {
            Octets chosen = shortOf(item.get().type()).plus(shortOf(item.get().layer()));
            all = all.plus(tagged(TAG_ITEM, chosen));
        }
        return all.plus(Octets.of((byte) OptionCode.END));
    }

    /** @throws IllegalStateException if there is more than one tag holds: 255 bytes */
    private static Octets tagged(int tag, Octets value) {
        if (value.length() > 255) {
            throw new IllegalStateException("tag %d of option 43 has %d bytes".formatted(tag, value.length()));
        }
        return Octets.of((byte) tag, (byte) value.length()).plus(value);
    }

    private static Octets shortOf(int value) {
        return Octets.of((byte) (value >> 8), (byte) value);
    }
}
