//! A fleet that speaks as fast as the broker takes it: `flood --port P --devices N --count M --profile full|small --first S`. Every
//! message has its own time, sequence number and values, so that nobody downstream can know one from another; they are
//! patched into texts that were made before, which costs next to nothing beside a broker.

use std::io::{self, Write};
use watchkeeper_kit::{argument, connect, publish};

/// Points that report, of sixty.
const POINTS: usize = 54;

/// One device's message, and where in it stands what changes.
struct Device {
    packet: Vec<u8>,
    time: usize,
    sequence: usize,
    digits: Vec<usize>,
}

fn main() -> io::Result<()> {
    let (port, devices) = (argument("port", 1883), argument("devices", 100_usize));
    let (count, first) = (argument("count", 1_000_usize), argument("first", 1_000_000_usize));
    let full = argument("profile", "full".to_owned()) == "full";
    let mut fleet: Vec<Device> = (0..devices).map(|number| device(number, full)).collect();
    let mut stream = connect(port, "flood")?;
    let mut batch = Vec::with_capacity(1 << 17);
    for number in 0..count {
        let device = &mut fleet[number % devices];
        device.change(first + number / devices, number);
        batch.extend_from_slice(&device.packet);
        if batch.len() >= 1 << 16 {
            stream.write_all(&batch)?;
            batch.clear();
        }
    }
    stream.write_all(&batch)?;
    // DISCONNECT, so that the broker reads all of it before it forgets us.
    stream.write_all(&[0xE0, 0])
}

impl Device {
    fn change(&mut self, sequence: usize, salt: usize) {
        self.packet[self.time..self.time + 24].copy_from_slice(timestamp().as_bytes());
        self.packet[self.sequence..self.sequence + 7].copy_from_slice(format!("{sequence:07}").as_bytes());
        for (n, digit) in self.digits.iter().enumerate() {
            self.packet[*digit] = b'0' + ((salt + sequence + n * 7) % 10) as u8;
        }
    }
}

fn device(number: usize, full: bool) -> Device {
    let name = format!("device-{number:06}");
    let topic = format!(
        "plant/area{}/line{}/{name}/telemetry/{}",
        number / 1000 + 1,
        number / 100 % 10 + 1,
        if full { "temperature" } else { "temp" }
    );
    let time = timestamp();
    let payload = if full {
        // The coldest and the warmest point stand still, so that the summary is right whatever the others say.
        let temp = |point: usize| match point {
            0 => "20.0",
            1 => "29.9",
            _ => "25.0",
        };
        let points: Vec<String> = (0..POINTS)
            .map(|point| {
                let temp = temp(point);
                format!(
                    r#""{point}": {{"name": "Point_{point}", "temp": {temp}, "sensor_id": "28FF{point:012X}", "status": "OK"}}"#
                )
            })
            .collect();
        format!(
            r#"{{"timestamp": "{time}", "device_id": "{name}", "sequence": 1000000, "points": {{{}}}, "summary": {{"total_points": 60, "active_points": {POINTS}, "sensor_errors": 0, "min_temp": 20.0, "max_temp": 29.9}}}}"#,
            points.join(", ")
        )
    } else {
        format!(r#"{{"timestamp":"{time}","sequence":1000000,"temp":25.0}}"#)
    };
    let at = |text: &str| payload.find(text).map_or(0, |at| at + text.len());
    let space = usize::from(full);
    let (time, sequence) = (at("\"timestamp\":") + space + 1, at("\"sequence\":") + space);
    let digits: Vec<usize> = payload.match_indices("25.0").map(|(at, _)| at + 3).collect();
    let (packet, begin) = publish(&topic, payload.as_bytes());
    let digits = digits.into_iter().map(|at| at + begin).collect();
    Device { packet, time: time + begin, sequence: sequence + begin, digits }
}

/// Now, as `2026-01-31T23:59:59.999Z`.
fn timestamp() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
