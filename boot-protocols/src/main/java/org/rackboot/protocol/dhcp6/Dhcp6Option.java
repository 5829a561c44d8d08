package org.rackboot.protocol.dhcp6;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.rackboot.protocol.dhcp.Octets;

/**
 * One option: a number, and a value that each kind has its own type for. One whose value has not the form that its number
 * wants is {@link Unread}, and as good as absent.
 */
public sealed interface Dhcp6Option {
    int CLIENT_ID = 1;
    int SERVER_ID = 2;
    int IA_NA = 3;
    int IA_TA = 4;
    int OPTION_REQUEST = 6;
    int ELAPSED_TIME = 8;
    int RELAY_MESSAGE = 9;
    int STATUS_CODE = 13;
    int RAPID_COMMIT = 14;
    int USER_CLASS = 15;
    int VENDOR_CLASS = 16;
    int VENDOR_OPTIONS = 17;
    int INTERFACE_ID = 18;
    int IA_PD = 25;
    int BOOT_FILE_URL = 59;
    int BOOT_FILE_PARAMETERS = 60;
    int CLIENT_ARCHITECTURES = 61;
    int NETWORK_INTERFACE = 62;

    /** Who asks. */
    record ClientId(Duid duid) implements Dhcp6Option {
        @Override
        public int code() {
            return CLIENT_ID;
        }

        @Override
        public Octets value() {
            return duid.octets();
        }
    }

    /** Who answers, or is asked. */
    record ServerId(Duid duid) implements Dhcp6Option {
        @Override
        public int code() {
            return SERVER_ID;
        }

        @Override
        public Octets value() {
            return duid.octets();
        }
    }

    /** Numbers of the options that the client wants to hear of. */
    record OptionRequest(List<Integer> codes) implements Dhcp6Option {
        public OptionRequest {
            codes = List.copyOf(codes);
        }

        @Override
        public int code() {
            return OPTION_REQUEST;
        }

        @Override
        public Octets value() {
            return shorts(codes);
        }
    }

    /** Since the exchange began, in hundredths of a second; 65535 = that or longer. */
    record ElapsedTime(int hundredths) implements Dhcp6Option {
        @Override
        public int code() {
            return ELAPSED_TIME;
        }

        @Override
        public Octets value() {
            return shorts(List.of(hundredths));
        }
    }

    /** The message within a relay's. */
    record RelayMessage(Dhcp6Message message) implements Dhcp6Option {
        @Override
        public int code() {
            return RELAY_MESSAGE;
        }

        @Override
        public Octets value() {
            return Dhcp6Codec.octets(message);
        }
    }

    /** How it went; 0 = well (RFC 8415, 21.13). */
    record StatusCode(int status, String message) implements Dhcp6Option {
        @Override
        public int code() {
            return STATUS_CODE;
        }

        @Override
        public Octets value() {
            return shorts(List.of(status)).plus(Octets.of(message.getBytes(UTF_8)));
        }
    }

    /** Names that a client gives itself; at least one. */
    record UserClass(List<Octets> names) implements Dhcp6Option {
        public UserClass {
            names = List.copyOf(names);
        }

        public boolean isIpxe() {
            return names.stream().anyMatch(name -> name.text().equals("iPXE"));
        }

        @Override
        public int code() {
            return USER_CLASS;
        }

        @Override
        public Octets value() {
            return counted(names);
        }
    }

    /**
     * What kind of client, in the vendor's words: {@code PXEClient:Arch:00007:UNDI:003000}, {@code HTTPClient:…}.
     *
     * @param enterprise the vendor's number, from 0 to 2^32 - 1
     * @param data a length in two bytes, and the words; perhaps more of such
     */
    record VendorClass(long enterprise, Octets data) implements Dhcp6Option {
        /** Intel's, which EDK2 wants to see beside {@code PXEClient}. */
        public static final long INTEL = 343;

        public static VendorClass of(long enterprise, String words) {
            return new VendorClass(enterprise, counted(List.of(Octets.ofText(words))));
        }

        /** From the sixth byte of the option on, as firmware looks itself: the length there is not always right. */
        public String words() {
            return data.length() < 2 ? "" : data.slice(2, data.length()).text();
        }

        @Override
        public int code() {
            return VENDOR_CLASS;
        }

        @Override
        public Octets value() {
            return intOf(enterprise).plus(data);
        }
    }

    /** Whatever a vendor wants to say. */
    record VendorOptions(long enterprise, Octets data) implements Dhcp6Option {
        @Override
        public int code() {
            return VENDOR_OPTIONS;
        }

        @Override
        public Octets value() {
            return intOf(enterprise).plus(data);
        }
    }

    /** By what the relay agent finds the client's link again; goes back as it came. */
    record InterfaceId(Octets value) implements Dhcp6Option {
        @Override
        public int code() {
            return INTERFACE_ID;
        }
    }

    /** What to load and from where (RFC 5970, 3.1). */
    record BootFileUrl(String url) implements Dhcp6Option {
        @Override
        public int code() {
            return BOOT_FILE_URL;
        }

        @Override
        public Octets value() {
            return Octets.of(url.getBytes(UTF_8));
        }
    }

    /** For the boot file (RFC 5970, 3.2). EDK2 takes the first for its size, U-Boot for a configuration's name. */
    record BootFileParameters(List<Octets> parameters) implements Dhcp6Option {
        public BootFileParameters {
            parameters = List.copyOf(parameters);
        }

        @Override
        public int code() {
            return BOOT_FILE_PARAMETERS;
        }

        @Override
        public Octets value() {
            return counted(parameters);
        }
    }

    /** What the client's firmware runs (RFC 5970, 3.3): numbers of IANA's list, the best first. */
    record ClientArchitectures(List<Integer> codes) implements Dhcp6Option {
        public ClientArchitectures {
            codes = List.copyOf(codes);
        }

        @Override
        public int code() {
            return CLIENT_ARCHITECTURES;
        }

        @Override
        public Octets value() {
            return shorts(codes);
        }
    }

    /** The firmware's interface to its card (RFC 5970, 3.4). */
    record NetworkInterface(int type, int major, int minor) implements Dhcp6Option {
        @Override
        public int code() {
            return NETWORK_INTERFACE;
        }

        @Override
        public Octets value() {
            return Octets.of((byte) type, (byte) major, (byte) minor);
        }
    }

    /** Of another kind, or not of the form that its number wants; addresses and prefixes as well: they are not ours. */
    record Unread(int code, Octets value) implements Dhcp6Option {
        public Unread {
            if (code < 0 || code > 0xFFFF) {
                throw new IllegalArgumentException("no option has the number " + code);
            }
        }
    }

    /** From 0 to 65535. */
    int code();

    /** As it is written; at most 65535 bytes. */
    Octets value();

    /** What the value means; {@link RelayMessage} is not among it: only a relay's message has one. */
    static Dhcp6Option read(int code, Octets value) {
        Optional<? extends Dhcp6Option> typed = typed(code, value);
        return typed.isPresent() && typed.get().value().equals(value) // Else it would not be written as it came.
                ? typed.get()
                : new Unread(code, value);
    }

    private static Optional<? extends Dhcp6Option> typed(int code, Octets value) {
        int length = value.length();
        return switch (code) {
            case CLIENT_ID -> Duid.read(value).map(ClientId::new);
            case SERVER_ID -> Duid.read(value).map(ServerId::new);
            case OPTION_REQUEST -> Optional.of(new OptionRequest(readShorts(value)));
            case ELAPSED_TIME -> when(length == 2).map(yes -> new ElapsedTime(shortAt(value, 0)));
            case STATUS_CODE ->
                when(length >= 2).map(yes -> new StatusCode(shortAt(value, 0), utf8(value.slice(2, length))));
            case USER_CLASS -> readCounted(value).map(UserClass::new);
            case VENDOR_CLASS -> when(length >= 4).map(yes -> new VendorClass(intAt(value), value.slice(4, length)));
            case VENDOR_OPTIONS ->
                when(length >= 4).map(yes -> new VendorOptions(intAt(value), value.slice(4, length)));
            case INTERFACE_ID -> Optional.of(new InterfaceId(value));
            case BOOT_FILE_URL -> Optional.of(new BootFileUrl(utf8(value)));
            case BOOT_FILE_PARAMETERS -> readCounted(value).map(BootFileParameters::new);
            case CLIENT_ARCHITECTURES -> when(length >= 2).map(yes -> new ClientArchitectures(readShorts(value)));
            case NETWORK_INTERFACE ->
                when(length == 3).map(yes -> new NetworkInterface(value.at(0), value.at(1), value.at(2)));
            default -> Optional.empty();
        };
    }

    private static Optional<Boolean> when(boolean condition) {
        return condition ? Optional.of(true) : Optional.empty();
    }

    /** A last odd byte is no number. */
    private static List<Integer> readShorts(Octets value) {
        List<Integer> numbers = new ArrayList<>();
        for (int at = 0; at + 1 < value.length(); at += 2) {
            numbers.add(shortAt(value, at));
        }
        return numbers;
    }

    private static Octets shorts(List<Integer> numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(2 * numbers.size());
        numbers.forEach(number -> bytes.putShort(number.shortValue()));
        return Octets.of(bytes.array());
    }

    /** Each with its length before it, in two bytes. */
    private static Optional<List<Octets>> readCounted(Octets value) {
        List<Octets> parts = new ArrayList<>();
        int at = 0;
        while (at < value.length()) {
            int from = at + 2;
            if (from > value.length() || from + shortAt(value, at) > value.length()) {
                return Optional.empty();
            }
            at = from + shortAt(value, at);
            parts.add(value.slice(from, at));
        }
        return parts.isEmpty() ? Optional.empty() : Optional.of(parts);
    }

    private static Octets counted(List<Octets> parts) {
        Octets all = Octets.NONE;
        for (Octets part : parts) {
            all = all.plus(shorts(List.of(part.length()))).plus(part);
        }
        return all;
    }

    private static String utf8(Octets value) {
        return UTF_8.decode(value.buffer()).toString();
    }

    private static int shortAt(Octets value, int at) {
        return value.at(at) << 8 | value.at(at + 1);
    }

    private static long intAt(Octets value) {
        return Integer.toUnsignedLong(value.buffer().getInt());
    }

    private static Octets intOf(long value) {
        return Octets.of((byte) (value >> 24), (byte) (value >> 16), (byte) (value >> 8), (byte) value);
    }
}
